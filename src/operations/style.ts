// The style of the page: light or dark by the reader's preference, one column when narrow. Used by
// page.ts, which allows exactly this text to style the page.

import { PLOT_STYLE } from '../plot/plot.ts'

export const STYLE = `${PLOT_STYLE}
:root {
  color-scheme: light dark;
  --page: #f4f5f7; --card: #ffffff; --text: #1c2430; --soft: #5b6675; --edge: #dde1e7;
  --s1: #1d5fd0; --s2: #b45309; --s3: #047857; --s4: #b91c1c; --s5: #6d28d9; --s6: #be185d;
  --s7: #57534e;
  --good: #047857; --attention: #a15c07; --bad: #b91c1c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12161c; --card: #1a2029; --text: #e4e8ee; --soft: #9aa5b4; --edge: #2c3540;
    --s1: #6ea8fe; --s2: #f5b14c; --s3: #4ecb9b; --s4: #f58383; --s5: #b79cf7; --s6: #f48fb8;
    --s7: #a8a29e;
    --good: #4ecb9b; --attention: #f5b14c; --bad: #f58383;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.25rem; max-width: 88rem;
  background: var(--page); color: var(--text);
  font: 15px/1.45 system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif;
  font-variant-numeric: tabular-nums;
}
header { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: baseline; gap: 0 1rem; }
h1 { margin: 0 0 .75rem; font-size: 1.4rem; }
h1 small { color: var(--soft); font-weight: 400; font-size: 1rem; }
h2 { margin: 0; font-size: 1rem; }
h2 small { color: var(--soft); font-weight: 400; font-size: .82rem; }
header p { margin: 0 0 .75rem; color: var(--soft); }
.state { font-weight: 600; }
.state::before { content: '● '; }
.state.good { color: var(--good); }
.state.attention { color: var(--attention); }
.state.bad { color: var(--bad); }
.tiles { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 10.5rem), 1fr)); margin: 0 0 1rem; }
.tiles dt, .tiles .more { color: var(--soft); font-size: .87rem; }
.tiles dt small { font-size: .8rem; }
.tiles dd { margin: 0; font-size: 1.45rem; font-weight: 600; line-height: 1.3; }
.tiles .more { font-weight: 400; }
h2.days { margin: 1.25rem 0 .75rem; font-size: 1.15rem; }
h3 { margin: 0; font-size: 1rem; }
h3 small { color: var(--soft); font-weight: 400; font-size: .82rem; }
.protocols { margin: 0; }
.protocols th, .protocols td { white-space: nowrap; }
.troubles { margin: 0 0 1rem; padding: 0; list-style: none; display: grid; gap: .6rem; }
.troubles .card { padding: .6rem 1rem; border-left-width: 5px; overflow-wrap: anywhere; }
.troubles .attention { border-left-color: var(--attention); }
.troubles .bad { border-left-color: var(--bad); }
.troubles small { color: var(--soft); white-space: nowrap; }
.grid { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); margin-bottom: 1rem; }
.card { background: var(--card); border: 1px solid var(--edge); border-radius: 10px; padding: .9rem 1rem; min-width: 0; }
table { width: 100%; margin-top: .5rem; border-collapse: collapse; font-size: .9rem; }
th, td { padding: .28rem 0 .28rem .75rem; border-top: 1px solid var(--edge); text-align: right; font-weight: 400; }
thead th { border-top: 0; color: var(--soft); font-size: .8rem; }
th:first-child, td:first-child { padding-left: 0; text-align: left; overflow-wrap: anywhere; }
th small { display: block; color: var(--soft); font-size: .8rem; }
.share { width: 30%; min-width: 5rem; }
.share svg { display: block; width: 100%; height: .3rem; margin-top: .15rem; border-radius: 2px; }
.share .whole { fill: var(--edge); }
.share .part { fill: var(--s1); }
.wide { margin-bottom: 1rem; overflow-x: auto; }
.wide:focus-visible, pre:focus-visible, a:focus-visible, summary:focus-visible { outline: 2px solid var(--s1); outline-offset: 2px; }
@media (max-width: 28rem) { body { padding: .75rem; } .tiles { gap: .6rem; grid-template-columns: 1fr 1fr; } .tiles .card { padding: .6rem .75rem; } .tiles dd { font-size: 1.2rem; } .tiles .more { font-size: .8rem; } }
summary { cursor: pointer; font-weight: 600; }
pre { overflow-x: auto; margin: .75rem 0 0; font: .83rem/1.5 ui-monospace, 'Liberation Mono', Menlo, monospace; }
footer { margin: 1rem 0 0; color: var(--soft); font-size: .87rem; }
a { color: var(--s1); }
#lost { display: none; margin: 0 0 1rem; padding: .6rem 1rem; border-radius: 10px; border: 1px solid var(--bad); color: var(--bad); background: var(--card); }
.lost #lost { display: block; }
.lost main { opacity: .5; }
`
