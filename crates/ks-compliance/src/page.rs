//! Pages of Microsoft's documentation.

/// The address of a page, named by its path in the driver documentation (`stream/ks-pins`) or, for a page of the DDI
/// reference, by its file name (`nf-ks-ksvalidateconnectrequest`).
pub fn url(page: &str) -> String {
    const ROOT: &str = "https://learn.microsoft.com/windows-hardware/drivers";
    if page.contains('/') {
        return format!("{ROOT}/{page}");
    }
    let header = page.split('-').nth(1).unwrap_or("ks");
    format!("{ROOT}/ddi/{header}/{page}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn pages_have_addresses() {
        assert!(super::url("stream/ks-pins").ends_with("drivers/stream/ks-pins"));
        assert!(super::url("nf-ks-kscreatepin").ends_with("/ddi/ks/nf-ks-kscreatepin"));
    }
}
