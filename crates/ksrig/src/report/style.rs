//! The look of the page: one style sheet, light and dark.

/// What stands in the page's `<style>`.
pub const STYLE: &str = r"
:root{color-scheme:light dark;--paper:#fbfbfa;--panel:#fff;--ink:#1c1e21;--soft:#5f656d;--line:#dcdfe3;
--accent:#0b62c4;--accent-soft:#e3eefb;--good:#16773a;--good-soft:#e2f4e8;--bad:#b3261e;--bad-soft:#fbe6e4}
@media(prefers-color-scheme:dark){:root{--paper:#15171a;--panel:#1d2024;--ink:#e7e9ec;--soft:#9aa2ab;
--line:#33383f;--accent:#6db3ff;--accent-soft:#172c45;--good:#63d18a;--good-soft:#16301f;--bad:#ff8a80;
--bad-soft:#3b1a18}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,'Segoe UI',Roboto,sans-serif}
main{max-width:1160px;margin:0 auto;padding:32px 24px 64px}
h1{font-size:26px;margin:0 0 4px;letter-spacing:-.01em}
h2{font-size:17px;margin:40px 0 12px}
p{margin:0 0 12px}.soft,figcaption{color:var(--soft)}
.verdict{display:flex;gap:14px;align-items:center;margin:20px 0 0;padding:14px 18px;border-radius:10px;
border:1px solid var(--line)}
.verdict b{font-size:17px;white-space:nowrap}.verdict.good{background:var(--good-soft);color:var(--good)}
.verdict.bad{background:var(--bad-soft);color:var(--bad)}.verdict span{color:var(--ink)}
.panel{background:var(--panel);border:1px solid var(--line);border-radius:10px;padding:18px;overflow-x:auto}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(330px,1fr));gap:16px}
table{border-collapse:collapse;width:100%}td,th{padding:5px 10px 5px 0;text-align:left;vertical-align:top}
th{color:var(--soft);font-weight:500}td{font-variant-numeric:tabular-nums}tr+tr>*{border-top:1px solid var(--line)}
code,pre,.mono{font:13px/1.5 ui-monospace,'Cascadia Mono',Menlo,Consolas,monospace}
pre{margin:6px 0 0;white-space:pre-wrap;color:var(--soft)}
.frames{display:grid;grid-template-columns:repeat(auto-fill,minmax(240px,1fr));gap:12px;margin:0 0 20px}
figure{margin:0}figure img{width:100%;display:block;border-radius:6px;background:#000}
figcaption{font-size:13px;margin-top:3px}h3{font-size:14px;margin:0 0 8px;font-weight:600}
.violation{border-left:3px solid var(--bad);padding:2px 0 2px 14px;margin:0 0 14px}
.violation b{color:var(--bad)}
svg{display:block;max-width:100%;height:auto}
svg text{fill:var(--ink);font:13px system-ui,'Segoe UI',Roboto,sans-serif}
svg .label{fill:var(--soft);font-size:12px}svg .title{font-weight:600;font-size:15px}
svg .halo{paint-order:stroke;stroke:var(--panel);stroke-width:5px;stroke-linejoin:round}
svg .strong{fill:var(--accent);font-weight:600}svg .mono{font:12px ui-monospace,Menlo,Consolas,monospace}
svg .box{fill:var(--paper);stroke:var(--soft);stroke-width:1.4}svg .client{stroke-dasharray:5 4}
svg .port{fill:var(--panel);stroke:var(--soft);stroke-width:2}svg .port.out{fill:var(--soft)}
svg .link{fill:none;stroke:var(--soft);stroke-width:1.8}svg .kernel{stroke:var(--accent);stroke-width:3.4}
svg .rule{stroke:var(--line)}svg .axis{stroke:var(--soft)}svg .tick{stroke:var(--accent);stroke-width:1.2}
svg .dot{fill:var(--soft)}svg .dot.key{fill:var(--accent)}svg .dot.bad{fill:var(--bad)}
svg .band{fill:var(--accent-soft)}svg .good{fill:var(--good)}svg .bad{fill:var(--bad)}
details summary{cursor:pointer;color:var(--accent);margin-top:12px}
footer{margin-top:48px;color:var(--soft);font-size:13px}
";
