"""The style of the page: light and dark, from a phone to a wide screen, and on paper."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--paper:#fff;--raised:#f6f7f9;--rule:#dfe3e9;--ink:#1b222c;--quiet:#596475;
--init:#3fa0d8;--search:#0b63c5;--confirm:#d2560a;--best:#1b222c;--optimum:#0b8a63;--bound:#b84a86;--bar:#a3adba;
--table:#c3cad4;--failed:#c2303f;--noise:#0b63c5;--warn:#fff4dc;--warn-rule:#e0ac3d}
@media(prefers-color-scheme:dark){:root{--paper:#14181e;--raised:#1c2129;--rule:#313945;--ink:#e8ebf0;--quiet:#a0abba;
--init:#7cc7f2;--search:#4d9bf5;--confirm:#ff9350;--best:#e8ebf0;--optimum:#4fcf9f;--bound:#ea8abd;
--bar:#66717f;--table:#4a5462;--failed:#ff7884;--noise:#6fb1ff;--warn:#3a2f16;--warn-rule:#a98126}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue",Arial,sans-serif}
main{max-width:1120px;margin:0 auto;padding:28px 20px 64px}
h1{font-size:1.75rem;line-height:1.2;margin:0 0 4px;overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:44px 0 14px;padding-top:18px;border-top:1px solid var(--rule)}
h3{font-size:1rem;margin:0 0 6px}
p{margin:0 0 12px}
.lead{color:var(--quiet);overflow-wrap:anywhere}
.state{background:var(--warn);border-left:4px solid var(--warn-rule);padding:10px 14px;
border-radius:4px;margin:16px 0 0}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:22px 0 0;padding:0;
list-style:none}
.cards li{background:var(--raised);border:1px solid var(--rule);border-radius:10px;padding:12px 14px;min-width:0}
.cards b{display:block;font-size:1.35rem;line-height:1.25;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.cards span{display:block;color:var(--quiet);font-size:.84rem;line-height:1.35;overflow-wrap:anywhere}
code,pre,.arch{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace;font-size:.88em}
pre,.arch{background:var(--raised);border:1px solid var(--rule);border-radius:8px;padding:12px 14px;margin:0 0 14px;
white-space:pre-wrap;overflow-wrap:anywhere;max-height:16rem;overflow:auto}
.command{white-space:pre}
dl{display:grid;grid-template-columns:minmax(9rem,max-content) 1fr;gap:6px 20px;margin:0 0 14px}
dt{color:var(--quiet)}
dd{margin:0;min-width:0;overflow-wrap:anywhere}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:8px 44px;align-items:start}
.columns>*{min-width:0}
.scroll{overflow-x:auto;margin:0 0 14px;border:1px solid var(--rule);border-radius:8px}
table{border-collapse:collapse;width:100%;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:7px 12px;text-align:left;vertical-align:top;border-bottom:1px solid var(--rule);white-space:nowrap}
tr:last-child>td{border-bottom:0}
th{color:var(--quiet);font-weight:600;background:var(--raised)}
.number{text-align:right}
td.wide{min-width:19rem;white-space:normal;overflow-wrap:anywhere}
td.wide div{max-height:6.2em;overflow:auto}
ul.notes{margin:0 0 14px;padding-left:1.2em}
ul.notes li{margin:0 0 6px;overflow-wrap:anywhere}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:30px 36px}
figure{margin:0;min-width:0}
figcaption{font-size:.84rem;color:var(--quiet)}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:2px 18px;margin:4px 0 6px;padding:0}
.legend li{display:flex}
.legend .key{flex:none;width:1.1em;text-align:center;margin-right:6px}
.note{margin:0 0 4px;overflow-wrap:anywhere}
.chart{display:block;width:100%;height:auto;overflow:visible}
.chart text{fill:var(--quiet);font-size:11px}
.chart .tick{text-anchor:middle;font-variant-numeric:tabular-nums}
.chart .up{text-anchor:end}
.chart .label{text-anchor:middle;fill:var(--ink)}
.chart .grid{stroke:var(--rule);stroke-width:.8;fill:none}
.chart .axis{stroke:var(--quiet);stroke-width:1;fill:none}
.chart .line{fill:none;stroke-width:1.8;stroke-linejoin:round}
.chart .line.best{stroke:var(--best)}
.chart .line.optimum{stroke:var(--optimum);stroke-dasharray:6 4;stroke-width:1.5}
.chart .line.equal{stroke:var(--quiet);stroke-dasharray:2 3;stroke-width:1.2}
.chart .line.bound{stroke:var(--bound);stroke-width:1.5}
.chart .band.noise{fill:var(--noise);opacity:.16}
.chart .shade.bound{fill:var(--bound);opacity:.1}
.chart path.bar{stroke:var(--bar);stroke-width:1.2}
.chart .dot.init{fill:var(--init)}.chart .dot.search{fill:var(--search)}.chart .dot.confirm{fill:var(--confirm)}
.chart .dot.best{fill:var(--best)}
.chart .dot.table{fill:var(--table)}.chart .dot.table circle{r:1.3px}
.chart .dot.failed{stroke:var(--failed);stroke-width:1.8;fill:none}
.chart .dot.chosen{stroke:var(--optimum);stroke-width:2;fill:none}
.key.init{color:var(--init)}.key.search{color:var(--search)}.key.confirm{color:var(--confirm)}
.key.failed{color:var(--failed)}.key.chosen,.key.optimum{color:var(--optimum)}.key.bound{color:var(--bound)}
.key.bar{color:var(--bar)}.key.table{color:var(--table)}.key.best{color:var(--best)}
.key.noise{color:var(--noise);opacity:.45}
.drawing{overflow:auto;max-height:44rem;border:1px solid var(--rule);border-radius:8px;padding:4px;text-align:center}
.drawing svg{max-width:none;height:auto}
footer{margin-top:44px;padding-top:14px;border-top:1px solid var(--rule);color:var(--quiet);font-size:.84rem}
@media(max-width:560px){main{padding:18px 14px 40px}h1{font-size:1.4rem}dl{grid-template-columns:1fr;gap:0}
dd{margin-bottom:8px}dl.short{grid-template-columns:max-content 1fr;gap:4px 20px}dl.short dd{margin:0}
.chart text{font-size:14.5px}.cards{grid-template-columns:1fr 1fr}.cards b{font-size:1.15rem}
th,td{padding:6px 9px}.drawing{text-align:left}}
@media print{.drawing,.arch,pre,td.wide div{max-height:none;overflow:visible}h2{break-after:avoid}
figure,.cards li{break-inside:avoid}}
"""
"""Holds no text of a run."""
