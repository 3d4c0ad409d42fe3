// A bar chart as an SVG file, for the Markdown reports of aquatic_bench: viewers of Markdown
// run no scripts, so it is drawn here. It follows the reader's choice of light or dark. Pure.

const WIDTH = 760
const TICKS = 5

export interface Bar {
  readonly name: string
  readonly value: number
  /** Lowest and highest of several runs. */
  readonly from: number
  readonly to: number
}

/** Horizontal bars with their spread, in the given order. */
export function barChart(bars: readonly Bar[], unit: string): string {
  const rowHeight = 34
  const left = 190
  const height = bars.length * rowHeight + 46
  const top = niceMax(Math.max(0, ...bars.map(({ to }) => to)))
  const x = (value: number) => left + (value / top) * (WIDTH - left - 70)
  const rows = bars.map(({ name, value, from, to }, i) => {
    const y = i * rowHeight + 8
    const title = `${name}: ${text(value)} ${unit} (${text(from)}–${text(to)})`
    const middle = y + 11
    return [
      `<rect class="bar" x="${left}" y="${y}" width="${round(Math.max(1, x(value) - left))}" height="22" rx="1">`,
      `<title>${Bun.escapeHTML(title)}</title></rect>`,
      `<path class="spread" d="M${round(x(from))},${middle}H${round(x(to))}"/>`,
      `<text class="name" x="${left - 8}" y="${y + 15}" text-anchor="end">${Bun.escapeHTML(name)}</text>`,
      `<text x="${round(x(Math.max(value, to)) + 6)}" y="${y + 15}">${text(value)}</text>`,
    ].join('')
  })
  const ticks = niceTicks(top).map((value) => [x(value), text(value)] as const)
  const axis = ticks.map(
    ([at, label]) =>
      `<path class="grid" d="M${round(at)},4V${height - 36}"/>` +
      `<text x="${round(at)}" y="${height - 22}" text-anchor="middle">${label}</text>`,
  )
  const caption = `<text x="${WIDTH - 16}" y="${height - 5}" text-anchor="end">${Bun.escapeHTML(unit)}</text>`
  const box = `viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${Bun.escapeHTML(`bars, ${unit}`)}"`
  return `<svg ${box}>${[...axis, ...rows, caption].join('')}</svg>`
}

/** A chart as a file of its own. */
export function standalone(chart: string): string {
  const style = `<style>${STYLE}</style>`
  const head = chart.replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" ')
  return `${head.replace(/>/, `>${style}<rect class="page" width="100%" height="100%"/>`)}\n`
}

const STYLE = `
:root{--page:#fcfcfb;--ink:#1a1a19;--soft:#6d6c67;--grid:#e4e3df;--bar:#2a78d6}
@media (prefers-color-scheme:dark){:root{--page:#1a1a19;--ink:#f4f3ef;--soft:#a5a49d;--grid:#383733;--bar:#3987e5}}
text{fill:var(--soft);font:12px system-ui,sans-serif}.name{fill:var(--ink)}.page{fill:var(--page)}
.grid{stroke:var(--grid);fill:none}.bar{fill:var(--bar)}.other{fill:var(--soft);opacity:.6}.spread{stroke:var(--ink);stroke-width:2;fill:none}
`

/** The next of 1, 2, 2.5, 5 times a power of ten; at least a little above 0. */
function niceMax(value: number): number {
  if (value <= 0) return 1
  const power = 10 ** Math.floor(Math.log10(value))
  const steps = [1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10]
  return (steps.find((step) => step * power >= value * 1.02) ?? 10) * power
}

function niceTicks(top: number): number[] {
  const rough = top / TICKS
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power
  const count = Math.floor(top / step + 1e-9)
  return Array.from({ length: count + 1 }, (_, i) => i * step)
}

function text(value: number): string {
  if (value >= 1e6) return `${trimmed(value / 1e6)} M`
  if (value >= 1e4) return `${trimmed(value / 1e3)} k`
  return trimmed(value)
}

function trimmed(value: number): string {
  return String(Number(value.toPrecision(3)))
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}
