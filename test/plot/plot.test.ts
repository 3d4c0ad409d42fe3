import { expect, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { STYLE } from '../../src/operations/style.ts'
import {
  PLOT_COLOURS,
  PLOT_SCRIPT,
  PLOT_STYLE,
  type Plot,
  plotHtml,
  policyHash,
} from '../../src/plot/plot.ts'
import { plotsIn } from './plots-in.ts'

const ROOT = join(import.meta.dir, '../..')

const PLOT: Plot = {
  title: 'a <b> & "c"',
  kind: 'run',
  unit: '/s',
  at: [1, 2.5, 3],
  lines: [
    { name: '<i>', values: [1, Number.NaN, 123.456789], text: '> 9', attributes: 'data-x="1"' },
    { name: 'none', values: [Number.NaN, Number.POSITIVE_INFINITY, Number.NaN] },
  ],
  marks: [['p50', 2]],
  format: String,
}

test('each line has a colour of its own on the page, on light and on dark', () => {
  const report = readFileSync(join(ROOT, 'load/report-html.ts'), 'utf8')
  for (const style of [STYLE, report]) {
    const colours = [...style.matchAll(/--s(\d+): ?(#[0-9a-f]{6})/g)]
    expect(colours.map(([, number]) => Number(number))).toEqual(
      [0, 1].flatMap(() => Array.from({ length: PLOT_COLOURS }, (_, i) => i + 1)),
    )
    expect(new Set(colours.map(([, , colour]) => colour)).size).toBe(2 * PLOT_COLOURS)
  }
})

test('what the script reads is what was given, with gaps and without needless digits', () => {
  const html = plotHtml(PLOT)
  expect(plotsIn(html)).toEqual([
    {
      title: 'a <b> & "c"',
      kind: 'run',
      unit: '/s',
      at: [1, 2.5, 3],
      lines: [
        [1, null, 123.46],
        [null, null, null],
      ],
      marks: [['p50', 2]],
    },
  ])
  expect(html).toContain('<b data-x="1">&gt; 9</b>')
  expect(html).not.toMatch(/<i>|<b> &/)
})

test('a text stands for the chart where it cannot be seen', () => {
  expect(plotHtml(PLOT)).toContain(
    'role="img" aria-label="a &lt;b&gt; &amp; &quot;c&quot;: &lt;i&gt; from 1 to 123.456789, ' +
      'at last 123.456789; none without values, p50 2"',
  )
})

test('script and style can stand in a page, under the licence, and fetch nothing', () => {
  expect(PLOT_SCRIPT).not.toMatch(/<\/?script|<!--/i)
  expect(PLOT_STYLE).not.toMatch(/<\/?style|@import|url\(/i)
  expect(PLOT_SCRIPT).not.toMatch(
    /fetch\(|XMLHttpRequest|WebSocket|eval\(|new Function|localStorage/,
  )
  expect(PLOT_SCRIPT).toContain('The MIT License (MIT)')
  const hash = createHash('sha256').update(PLOT_SCRIPT).digest('base64')
  expect(policyHash(PLOT_SCRIPT)).toBe(`'sha256-${hash}'`)
})

test('the script has the right types, those of the library and of a browser', () => {
  const tsc = join(ROOT, 'node_modules/.bin/tsc')
  const { stdout, status } = spawnSync(tsc, ['--noEmit', '-p', join(ROOT, 'src/plot')])
  expect([String(stdout), status]).toEqual(['', 0])
})
