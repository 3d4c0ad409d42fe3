// Charts as inline SVG, for reports that open without a network and without a program: lines over
// time, bars. Colours are CSS variables that report-html.ts defines for light and dark; a chart that
// is a file of its own carries them itself (standalone). Pure functions from numbers to text.

const WIDTH = 760
const HEIGHT = 270
const LEFT = 64
const RIGHT = 16
const TOP = 26
const BOTTOM = 28
const TICKS = 5
const COLORS = 6
// Of a text of 12 px: its height with some space, its widest characters, the space beside it.
const ROW = 15
const CHARACTER = 7
const GAP = 4

export interface Line {
  readonly name: string
  readonly values: readonly number[]
}

/** Values over time; `seconds[i]` belongs to `values[i]` of each line. NaN leaves a gap. */
export function lineChart(
  seconds: readonly number[],
  lines: readonly Line[],
  unit: string,
): string {
  const finite = lines.flatMap((line) => line.values).filter(Number.isFinite)
  const top = niceMax(Math.max(0, ...finite))
  const end = Math.max(1, ...seconds)
  const x = (second: number) => LEFT + (second / end) * (WIDTH - LEFT - RIGHT)
  const y = (value: number) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM)
  const drawn = lines.map(({ name, values }, i) => {
    const points = pieces(values.map((value, j) => [seconds[j], value] as const))
    const paths = points.map(
      (piece) => `M${piece.map(([s, v]) => `${round(x(s))},${round(y(v))}`).join('L')}`,
    )
    const title = `<title>${escapeText(name)}</title>`
    return `<path class="line c${i % COLORS}" d="${paths.join('')}">${title}</path>`
  })
  const label = `${lines.map(({ name }) => name).join(', ')} over time, ${unit}`
  const axes = [
    yAxis(top, y, unit),
    xAxis(
      niceTicks(end).map((s) => [x(s), text(s)]),
      's',
    ),
  ]
  // The first line is the one that matters: it is drawn last, above the others.
  return frame(
    label,
    [...axes, ...drawn.toReversed()],
    lines.map(({ name }) => name),
  )
}

/** Pieces without gaps. */
function pieces(points: readonly (readonly [number, number])[]): (readonly [number, number])[][] {
  const found: (readonly [number, number])[][] = [[]]
  for (const point of points) {
    if (Number.isFinite(point[1])) found[found.length - 1].push(point)
    else if (found[found.length - 1].length > 0) found.push([])
  }
  return found.filter((piece) => piece.length > 0)
}

/** A histogram on a logarithmic scale; bars of `[from, to, count]`, with marks such as p99. */
export function histogramChart(
  bars: readonly (readonly [number, number, number])[],
  unit: string,
  marks: readonly (readonly [string, number])[],
): string {
  if (bars.length === 0) return frame('no values', [], [])
  const first = Math.max(bars[0][0], bars[0][1] / 2)
  const last = bars[bars.length - 1][1]
  const scale = Math.log(last / first)
  const x = (value: number) =>
    LEFT + (Math.log(Math.max(value, first) / first) / scale) * (WIDTH - LEFT - RIGHT)
  const all = bars.reduce((sum, [, , count]) => sum + count, 0)
  const top = niceMax(Math.max(...bars.map(([, , count]) => (count / all) * 100)))
  const y = (value: number) => HEIGHT - BOTTOM - (value / top) * (HEIGHT - TOP - BOTTOM)
  const drawn = bars.map(([from, to, count]) => {
    const share = (count / all) * 100
    const title = `${text(from)}–${text(to)} ${unit}: ${share.toPrecision(3)} %`
    const width = Math.max(0.5, x(to) - x(from) - 1)
    return rectangle(x(from), y(share), width, y(0) - y(share), 0, title)
  })
  const inside = marks.filter(([, value]) => value >= first && value <= last)
  const marked = marksOf(inside.map(([name, value]) => [name, x(value)]))
  const ticks = powers(first, last).map((value) => [x(value), text(value)] as const)
  const label = `distribution, ${unit}, ${marks.map(([n, v]) => `${n} ${text(v)}`).join(', ')}`
  return frame(label, [yAxis(top, y, '%'), xAxis(ticks, unit), ...drawn, ...marked], [])
}

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
      rectangle(left, y, Math.max(1, x(value) - left), 22, 0, title),
      `<path class="spread" d="M${round(x(from))},${middle}H${round(x(to))}"/>`,
      `<text class="name" x="${left - 8}" y="${y + 15}" text-anchor="end">${escapeText(name)}</text>`,
      `<text x="${round(x(Math.max(value, to)) + 6)}" y="${y + 15}">${text(value)}</text>`,
    ].join('')
  })
  const ticks = niceTicks(top).map((value) => [x(value), text(value)] as const)
  const axis = ticks.map(
    ([at, label]) =>
      `<path class="grid" d="M${round(at)},4V${height - 36}"/>` +
      `<text x="${round(at)}" y="${height - 22}" text-anchor="middle">${label}</text>`,
  )
  const caption = `<text x="${WIDTH - 16}" y="${height - 5}" text-anchor="end">${escapeText(unit)}</text>`
  return svg(height, `bars, ${unit}`, [...axis, ...rows, caption])
}

/** A chart as a file of its own. */
export function standalone(chart: string): string {
  const style = `<style>${CHART_STYLE}</style>`
  const head = chart.replace('<svg ', '<svg xmlns="http://www.w3.org/2000/svg" ')
  return `${head.replace(/>/, `>${style}<rect class="page" width="100%" height="100%"/>`)}\n`
}

/** Colours that are told apart by people who see few of them, on light and on dark. */
export const CHART_STYLE = `
:root{--page:#fcfcfb;--ink:#1a1a19;--soft:#6d6c67;--grid:#e4e3df;
--c0:#2a78d6;--c1:#eb6834;--c2:#1baf7a;--c3:#eda100;--c4:#e87ba4;--c5:#4a3aa7}
@media (prefers-color-scheme:dark){:root{--page:#1a1a19;--ink:#f4f3ef;--soft:#a5a49d;--grid:#383733;
--c0:#3987e5;--c1:#d95926;--c2:#199e70;--c3:#c98500;--c4:#d55181;--c5:#9085e9}}
svg text{fill:var(--soft);font:12px system-ui,sans-serif}svg .name{fill:var(--ink)}
.page{fill:var(--page)}.grid{stroke:var(--grid);fill:none}.line{fill:none;stroke-width:2;stroke-linejoin:round}
.spread{stroke:var(--ink);stroke-width:2;fill:none}.mark{stroke:var(--soft);stroke-dasharray:3 3}
svg .on{paint-order:stroke;stroke:var(--page);stroke-width:4px;stroke-linejoin:round}
${Array.from({ length: COLORS }, (_, i) => `.line.c${i}{stroke:var(--c${i})}.fill.c${i}{fill:var(--c${i})}`).join('')}
`

function frame(label: string, parts: readonly string[], names: readonly string[]): string {
  const legend = names.length < 2 ? '' : legendOf(names)
  return `${svg(HEIGHT, label, parts)}${legend}`
}

function legendOf(names: readonly string[]): string {
  const items = names.map(
    (name, i) => `<span><i style="background:var(--c${i % COLORS})"></i>${escapeText(name)}</span>`,
  )
  return `<p class="legend">${items.join('')}</p>`
}

function svg(height: number, label: string, parts: readonly string[]): string {
  const box = `viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeText(label)}"`
  return `<svg ${box}>${parts.join('')}</svg>`
}

function yAxis(top: number, y: (value: number) => number, unit: string): string {
  const ticks = niceTicks(top).map(
    (value) =>
      `<path class="grid" d="M${LEFT},${round(y(value))}H${WIDTH - RIGHT}"/>` +
      `<text x="${LEFT - 6}" y="${round(y(value) + 4)}" text-anchor="end">${text(value)}</text>`,
  )
  return `${ticks.join('')}<text x="4" y="11">${escapeText(unit)}</text>`
}

/** The unit stands behind the last number. */
function xAxis(ticks: readonly (readonly [number, string])[], unit: string): string {
  return ticks
    .map(([at, label], i) => {
      const words = i === ticks.length - 1 ? `${label} ${unit}` : label
      const isWide = at + (words.length * CHARACTER) / 2 > WIDTH
      const place = isWide
        ? `x="${WIDTH}" text-anchor="end"`
        : `x="${round(at)}" text-anchor="middle"`
      return `<text ${place} y="${HEIGHT - BOTTOM + 18}">${escapeText(words)}</text>`
    })
    .join('')
}

/**
 * Lines from top to bottom, each with its name at the side where there is room. Names that would touch
 * stand below each other; what lies behind one is covered. Lines first, so that none crosses a name.
 */
function marksOf(marks: readonly (readonly [name: string, x: number])[]): string[] {
  const lines = marks.map(
    ([, x]) => `<path class="mark" d="M${round(x)},${TOP}V${HEIGHT - BOTTOM}"/>`,
  )
  const ends: number[] = []
  const names = marks.map(([name, x]) => {
    const width = name.length * CHARACTER + 2 * GAP
    const left = x + width > WIDTH - RIGHT ? x - width : x
    const free = ends.findIndex((end) => end <= left)
    const row = free === -1 ? ends.length : free
    ends[row] = left + width
    const y = TOP + 12 + ROW * row
    return `<text class="name on" x="${round(left + GAP)}" y="${y}">${escapeText(name)}</text>`
  })
  return [...lines, ...names]
}

function rectangle(
  x: number,
  y: number,
  width: number,
  height: number,
  color: number,
  title: string,
): string {
  const box = `x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}"`
  return `<rect class="fill c${color}" ${box} rx="1"><title>${escapeText(title)}</title></rect>`
}

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

/** Values of one digit between two others, few enough to be labels. */
function powers(first: number, last: number): number[] {
  const found: number[] = []
  for (let power = 10 ** Math.floor(Math.log10(first)); power <= last; power *= 10) {
    for (const digit of last / first > 300 ? [1] : [1, 2, 5]) found.push(digit * power)
  }
  return found.filter((value) => value >= first && value <= last)
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

export function escapeText(plain: string): string {
  return plain.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
