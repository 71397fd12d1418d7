//! What drivers import from ntoskrnl.exe and HAL.dll.

/// One export of an emulated DLL.
#[derive(Clone, Copy, Debug)]
pub struct Import {
    /// What to put into the import table: the thunk, or the variable.
    pub address: usize,
    /// A variable (`IoFileObjectType`): the table gets its address, no stub.
    pub data: bool,
}

/// The import of that name, from the DLLs of this layer and the machine's providers.
pub fn lookup(dll: &str, name: &str) -> Option<Import> {
    todo!()
}
