// The alert rules and the dashboard: that they mean something to Prometheus, and that every metric they
// name is one of a running tracker's. What the alerts fire for is in packaging/prometheus/*.test.yml.
import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { folderOfFile } from '../support/folder.ts'
import {
  ALL_EXECUTABLE,
  EXECUTABLE,
  HTTP_EXECUTABLE,
  servedOn,
  WS_EXECUTABLE,
  withTracker,
} from '../support/tracker.ts'
import { waitUntil } from '../support/wait.ts'

setDefaultTimeout(300_000)

const ROOT = join(import.meta.dir, '../..')
const RULES = join(ROOT, 'packaging/prometheus/aquatic-alerts.yml')

interface Target {
  readonly expr: string
}
interface Panel {
  readonly id: number
  readonly title: string
  readonly gridPos: { x: number; y: number; w: number; h: number }
  readonly targets?: readonly Target[]
}
const dashboard = JSON.parse(readFileSync(join(ROOT, 'packaging/grafana/aquatic.json'), 'utf8'))
const panels: readonly Panel[] = dashboard.panels

/** As Grafana fills them in. */
const expressions = panels
  .flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
  .concat(dashboard.annotations.list.map(({ expr }: Target) => expr))
  .map((expr) => expr.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '1m'))

const TRACKERS = [EXECUTABLE, HTTP_EXECUTABLE, WS_EXECUTABLE, ALL_EXECUTABLE]

const folder = folderOfFile()
let metrics = ''
beforeAll(async () => {
  metrics = (await Promise.all(TRACKERS.map(metricsOf))).join('')
})

function metricsOf(executable: string): Promise<string> {
  const cluster =
    executable === WS_EXECUTABLE ? '' : "[cluster]\nservers = '127.0.0.1:1'\nnode = 'a'\n"
  const settings = `${servedOn(executable, '127.0.0.1:0')}[operations]\naddress = '127.0.0.1:0'\n[statistics]\npeer_clients = true\n${cluster}`
  return withTracker({ executable, settings }, async (tracker) => {
    const url = `${await tracker.operationsUrl()}metrics`
    const read = async () => (await fetch(url)).text()
    // Its thread tells once a second.
    const has = async () => cluster === '' || (await read()).includes('tracker_cluster_joined')
    await waitUntil('the cluster has figures', has)
    return read()
  })
}

function promtool(...args: string[]) {
  const { exitCode, stdout, stderr } = Bun.spawnSync(['promtool', ...args])
  return { code: exitCode, output: stdout.toString() + stderr.toString() }
}

test('promtool accepts the alert rules', () => {
  expect(promtool('check', 'rules', '--lint-fatal', RULES)).toMatchObject({ code: 0 })
})

test('each alert fires for its fault, and none for a healthy tracker', () => {
  const path = RULES.replace(/\.yml$/, '.test.yml')
  const { code, output } = promtool('test', 'rules', path)
  expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining('SUCCESS') })
  const alerts = readFileSync(RULES, 'utf8').match(/(?<=- alert: )\w+/g) ?? []
  expect(alerts.length).toBeGreaterThan(5)
  for (const alert of alerts) expect(readFileSync(path, 'utf8')).toContain(`alertname="${alert}"`)
})

test('Prometheus understands every expression of the dashboard', () => {
  expect(expressions.length).toBeGreaterThan(20)
  const path = join(folder, 'rules.yml')
  const rules = expressions.map((expr, i) => ({ record: `panel:${i}`, expr }))
  // JSON is YAML.
  writeFileSync(path, JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))
  expect(promtool('check', 'rules', path)).toMatchObject({ code: 0 })
})

test('every metric of rules and dashboard is a tracker’s', () => {
  const rules = readFileSync(RULES, 'utf8').replace(/^#.*$/gm, '')
  const named = [rules, ...expressions].join('\n').match(/\b(tracker|process)_[a-z_]+\b/g) ?? []
  expect(named.length).toBeGreaterThan(20)
  // What has nothing to tell yet has a type.
  const there = new Set(metrics.match(/(?<=^# TYPE )[a-z_]+|^[a-z_]+/gm))
  expect([...new Set(named)].filter((name) => !there.has(name))).toEqual([])
  for (const [, reasons] of rules.matchAll(/reason=~?"([^"]+)"/g)) {
    for (const reason of reasons.split('|')) expect(metrics).toContain(`reason="${reason}"`)
  }
})

test('the panels of the dashboard do not overlap', () => {
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length)
  const cells = new Set<string>()
  for (const { title, gridPos } of panels) {
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24)
    for (let x = gridPos.x; x < gridPos.x + gridPos.w; x++) {
      for (let y = gridPos.y; y < gridPos.y + gridPos.h; y++) {
        expect(cells.has(`${x} ${y}`), title).toBe(false)
        cells.add(`${x} ${y}`)
      }
    }
  }
})
