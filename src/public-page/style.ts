// The style of the public page: light or dark by the reader's preference. Used by page.ts, which allows exactly this
// text to style the page.

export const STYLE = `
:root { color-scheme: light dark; --page: #f4f5f7; --card: #fff; --text: #1c2430; --soft: #565f6d; --edge: #dde1e7; --line: #1d5fd0; --up: #047857; --part: #a15c07; --down: #b91c1c; --none: #d3d8df; }
@media (prefers-color-scheme: dark) { :root { --page: #12161c; --card: #1a2029; --text: #e4e8ee; --soft: #9aa5b4; --edge: #2c3540; --line: #6ea8fe; --up: #4ecb9b; --part: #f5b14c; --down: #f58383; --none: #39434f; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.25rem; max-width: 60rem; background: var(--page); color: var(--text); font: 16px/1.5 system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif; font-variant-numeric: tabular-nums; }
header { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: baseline; gap: 0 1rem; margin-bottom: 1rem; }
h1 { margin: 0; font-size: 1.5rem; overflow-wrap: anywhere; }
h2 { margin: 0 0 .5rem; font-size: 1.05rem; }
p { margin: .25rem 0; }
.soft, footer { color: var(--soft); font-size: .9rem; }
.state { font-size: 1.1rem; font-weight: 600; }
.state::before { content: '● '; }
.up { color: var(--up); } .degraded { color: var(--part); } .down, #lost { color: var(--down); }
.tiles { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 9rem), 1fr)); margin: 0 0 1rem; }
.card { background: var(--card); border: 1px solid var(--edge); border-radius: 10px; padding: .9rem 1rem; margin: 0 0 1rem; min-width: 0; }
.tiles .card { margin: 0; }
.tiles dt { color: var(--soft); font-size: .9rem; }
.tiles dd { margin: 0; font-size: 1.6rem; font-weight: 600; line-height: 1.25; }
ul { margin: 0; padding: 0; list-style: none; }
li { display: flex; gap: .75rem; align-items: center; justify-content: space-between; padding: .3rem 0; border-top: 1px solid var(--edge); }
li:first-child { border-top: 0; }
code { overflow-wrap: anywhere; user-select: all; font: .92rem/1.4 ui-monospace, 'Liberation Mono', Menlo, monospace; }
button { flex: none; min-width: 5rem; min-height: 2.25rem; border: 1px solid var(--edge); border-radius: 7px; background: var(--page); color: var(--text); font: inherit; font-size: .9rem; cursor: pointer; }
button:focus-visible, a:focus-visible { outline: 2px solid var(--line); outline-offset: 2px; }
svg { display: block; width: 100%; }
.bars { height: 2.5rem; } .chart { height: 7rem; }
.bars .up { fill: var(--up); } .bars .degraded { fill: var(--part); } .bars .down { fill: var(--down); } .bars .none { fill: var(--none); }
.chart .area { fill: var(--line); opacity: .25; } .chart .line { fill: none; stroke: var(--line); stroke-width: 2; vector-effect: non-scaling-stroke; }
.scale { display: flex; justify-content: space-between; color: var(--soft); font-size: .8rem; }
table { width: 100%; border-collapse: collapse; font-size: .95rem; }
th, td { padding: .3rem 0 .3rem .5rem; border-top: 1px solid var(--edge); text-align: right; font-weight: 400; }
th:first-child { padding-left: 0; text-align: left; }
thead th { border-top: 0; color: var(--soft); font-size: .85rem; }
a { color: var(--line); }
#lost { display: none; } .lost #lost { display: block; } .lost main { opacity: .5; }
@media (max-width: 28rem) { body { padding: .75rem; } li { align-items: flex-start; flex-direction: column; gap: .25rem; } th, td { font-size: .88rem; padding-left: .3rem; } }
`
