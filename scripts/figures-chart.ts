// Draws the chart of README.md from the tables in docs/benchmarks/: CPU time per response, a group of bars for each protocol. Used
// by generate-docs.ts. A report whose table changes its form makes it fail, so that the chart never shows an old figure.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { standalone } from '../load/svg.ts'

const ROOT = join(import.meta.dir, '..')
const WIDTH = 760
const LEFT = 200
const ROW = 26
const HEADING = 32

interface Figure {
  readonly name: string
  readonly value: number
}

interface Group {
  readonly title: string
  readonly figures: readonly Figure[]
}

/** The groups of the chart, as the reports have them today. */
function groups(): Group[] {
  const http = (row: string, cell: 1 | 2) => figure('2026-11-27-http.md', row, cell)
  return [
    {
      title: 'UDP: connects and announces',
      figures: [
        { name: 'this', value: figure('2026-11-25-udp.md', 'ours', 1) },
        { name: 'aquatic 0.9.0, io_uring', value: figure('2026-11-25-udp.md', 'aquatic-uring', 1) },
        { name: 'aquatic 0.9.0', value: figure('2026-11-25-udp.md', 'aquatic', 1) },
        { name: 'opentracker', value: figure('2026-11-25-udp.md', 'opentracker', 1) },
      ],
    },
    {
      title: 'HTTP: a new connection for each announce',
      figures: [
        { name: 'this', value: http('HTTP, new connection each, opentracker', 1) },
        { name: 'opentracker', value: http('HTTP, new connection each, opentracker', 2) },
        { name: 'aquatic 0.9.0', value: http('HTTP, new connection each, aquatic_http', 2) },
      ],
    },
    {
      title: 'HTTPS: a full handshake for each announce',
      figures: [
        { name: 'this', value: http('HTTPS, full handshake each, aquatic_http', 1) },
        { name: 'aquatic 0.9.0', value: http('HTTPS, full handshake each, aquatic_http', 2) },
      ],
    },
    {
      title: 'WebTorrent over TLS: per message',
      figures: [
        { name: 'this', value: figure('2026-11-28-ws.md', 'wss, 1,500 announces/s', 2) },
        { name: 'aquatic 0.9.0', value: figure('2026-11-28-ws.md', 'wss, 1,500 announces/s', 4) },
      ],
    },
  ]
}

/** The median of the numbers in a cell of the only row that begins so, up to what explains them. */
function figure(report: string, row: string, cell: number): number {
  const lines = readFileSync(join(ROOT, 'docs/benchmarks', report), 'utf8').split('\n')
  const tables = lines.map((line) => line.split('|').slice(1, -1))
  const rows = tables.filter(([name = '']) =>
    row.includes(' ') ? name.trim().startsWith(row) : name.trim() === row,
  )
  const [cells] = rows.filter((found) => /^\s*\**\d/.test(found[cell] ?? ''))
  const [text] = (cells?.[cell] ?? '').split(/[(:]/)
  const numbers = [...text.matchAll(/\d+(?:\.\d+)?/g)].map(Number).sort((a, b) => a - b)
  if (numbers.length === 0) throw new Error(`${report} has no figure for «${row}»`)
  return numbers[Math.floor(numbers.length / 2)]
}

/** As text of an SVG file, which follows the reader's choice of light or dark. */
export function figuresChart(): string {
  let y = 0
  const parts = groups().flatMap(({ title, figures }) => {
    const most = Math.max(...figures.map(({ value }) => value))
    const heading = `<text class="name" x="8" y="${y + 20}">${title}</text>`
    const bars = figures.map((each, i) => bar(each, y + HEADING + i * ROW, most))
    y += HEADING + figures.length * ROW + 4
    return [heading, ...bars]
  })
  const unit = 'CPU µs per response, less is better; each group has its own scale'
  const caption = `<text x="8" y="${y + 16}">${unit}</text>`
  const box = `viewBox="0 0 ${WIDTH} ${y + 28}" role="img" aria-label="${unit}"`
  return standalone(`<svg ${box}>${[...parts, caption].join('')}</svg>`)
}

function bar({ name, value }: Figure, y: number, most: number): string {
  const width = Math.round((value / most) * (WIDTH - LEFT - 80))
  const kind = name === 'this' ? 'bar' : 'other'
  return (
    `<text class="name" x="${LEFT - 8}" y="${y + 13}" text-anchor="end">${name}</text>` +
    `<rect class="${kind}" x="${LEFT}" y="${y}" width="${width}" height="18" rx="1"/>` +
    `<text x="${LEFT + width + 6}" y="${y + 13}">${Number(value.toPrecision(3))}</text>`
  )
}
