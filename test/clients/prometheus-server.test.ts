// The dashboard and the alert rules on a real Prometheus that scrapes the trackers under load: every
// expression must return series, with the labels that its legend names, and every rule must evaluate
// and stay silent. What Prometheus makes of made-up series is in prometheus.test.ts.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { announceTarget, askOnce } from '../support/http-client.ts'
import { WHY_NO_NATS, withNats } from '../support/nats-server.ts'
import {
  ALL_EXECUTABLE,
  type Endpoint,
  EXECUTABLE,
  HTTP_EXECUTABLE,
  servedOn,
  type Tracker,
  WS_EXECUTABLE,
  withTracker,
} from '../support/tracker.ts'
import { withClient } from '../support/udp-client.ts'
import { WsClient } from '../support/ws-client.ts'
import { Here } from './here.ts'
import { waitUntil } from './process.ts'

setDefaultTimeout(300_000)

const ROOT = join(import.meta.dir, '../..')
const RULES = join(ROOT, 'packaging/prometheus/aquatic-alerts.yml')
const INVALID = 'neither a request nor long'
const READY_MS = 60_000
const SERIES_MS = 120_000
/** Requests a second of each load tester: series that move, and cores that stay free. */
const RATE = '500'
/** An address of this process's own, since Prometheus does not tell which free port it took. */
const ADDRESS = `127.${64 + ((process.pid >> 16) & 63)}.${(process.pid >> 8) & 255}.${process.pid & 255}:9090`

/** `nats`: of the cluster that it is a node of; '' without one. */
function settingsOf(executable: string, nats: string, node = executable): string {
  const name = node.slice(node.lastIndexOf('/') + 1)
  const cluster =
    nats === '' || executable === WS_EXECUTABLE
      ? ''
      : `[cluster]\nservers = '${nats}'\nnode = '${name}'\n`
  return `${servedOn(executable, '127.0.0.1:0')}[operations]\naddress = '127.0.0.1:0'\n[statistics]\npeer_clients = true\n${cluster}`
}

interface Series {
  readonly metric: Readonly<Record<string, string>>
  readonly value: readonly [number, string]
}
interface Rule {
  readonly name: string
  readonly health: string
  readonly state: string
  readonly lastError?: string
}
interface Query {
  readonly title: string
  readonly expr: string
  readonly legend: string
}
interface Panel {
  readonly title: string
  readonly targets?: readonly { readonly expr: string; readonly legendFormat: string }[]
}

const dashboard = JSON.parse(readFileSync(join(ROOT, 'packaging/grafana/aquatic.json'), 'utf8'))
const queries: readonly Query[] = dashboard.panels
  .flatMap(({ title, targets = [] }: Panel) =>
    targets.map(({ expr, legendFormat }) => ({
      title,
      expr: filledIn(expr),
      legend: legendFormat,
    })),
  )
  .filter(({ expr }: Query) => WHY_NO_NATS === '' || !expr.includes('tracker_cluster_'))

/** As Grafana fills them in, for scrapes every second. */
function filledIn(expr: string): string {
  return expr.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '10s')
}

interface Answer {
  readonly status: string
  readonly data: {
    readonly result: readonly Series[]
    readonly groups: readonly { rules: Rule[] }[]
  }
}

async function ask(path: string): Promise<Answer['data']> {
  const answer = (await (await fetch(`http://${ADDRESS}/api/v1/${path}`)).json()) as Answer
  if (answer.status !== 'success') throw new Error(`${path}: ${JSON.stringify(answer)}`)
  return answer.data
}

async function seriesOf(expr: string): Promise<readonly Series[]> {
  return (await ask(`query?query=${encodeURIComponent(expr)}`)).result
}

/** What is wrong with what Prometheus returns for a query of the dashboard, or ''. */
async function faultOf({ title, expr, legend }: Query): Promise<string> {
  const series = await seriesOf(expr)
  const labels = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map((match) => match[1])
  const isGood = ({ metric, value }: Series) =>
    Number.isFinite(Number(value[1])) && labels.every((label) => label in metric)
  if (series.length > 0 && series.every(isGood)) return ''
  return `${title}: ${expr} returns ${JSON.stringify(series)}`
}

async function startPrometheus(place: Here, trackers: readonly Tracker[]): Promise<void> {
  const config = join(place.directory, 'prometheus.yml')
  const operations = await Promise.all(
    trackers.map((tracker) => tracker.waitForOutput(/operations at http:\/\/([^/\n]+)\//)),
  )
  const targets = operations.map(([, hostAndPort]) => hostAndPort)
  const settings = {
    global: { scrape_interval: '1s', evaluation_interval: '1s' },
    scrape_configs: [{ job_name: 'aquatic', static_configs: [{ targets }] }],
    rule_files: [RULES],
  }
  // JSON is YAML.
  writeFileSync(config, JSON.stringify(settings))
  const data = `--storage.tsdb.path=${join(place.directory, 'data')}`
  const started = place.start('prometheus', [
    ...['prometheus', `--config.file=${config}`, data, `--web.listen-address=${ADDRESS}`],
  ])
  await started.waitForOutput(/Server is ready/, READY_MS)
}

function startLoad(place: Here, name: string, { host, port }: Endpoint): void {
  place.start(name, [
    ...['env', `AQUATIC_SERVER_ADDRESS=${host}:${port}`, 'AQUATIC_MODE=open'],
    ...[`AQUATIC_OPEN_LOOP_RATE=${RATE}`, process.execPath, join(ROOT, `bin/${name}.ts`)],
  ])
}

interface Served {
  readonly trackers: readonly Tracker[]
  readonly udp: Endpoint
  readonly http: Endpoint
  readonly ws: Endpoint
}

/** Another node beside those that are asked. */
async function inCluster(use: (nats: string) => Promise<void>): Promise<void> {
  if (WHY_NO_NATS !== '') return use('')
  await withNats('', ({ address }) => {
    const settings = settingsOf(EXECUTABLE, address, 'another')
    return withTracker({ executable: EXECUTABLE, settings }, () => use(address))
  })
}

function withSingleTrackers(nats: string, use: (served: Served) => Promise<void>): Promise<void> {
  const started = <T>(executable: string, then: (tracker: Tracker) => Promise<T>) =>
    withTracker({ executable, settings: settingsOf(executable, nats) }, then)
  return started(EXECUTABLE, (udp) =>
    started(HTTP_EXECUTABLE, (http) =>
      started(WS_EXECUTABLE, (ws) =>
        use({ trackers: [udp, http, ws], udp: udp.at(), http: http.at(), ws: ws.at() }),
      ),
    ),
  )
}

function withAquatic(nats: string, use: (served: Served) => Promise<void>): Promise<void> {
  const settings = settingsOf(ALL_EXECUTABLE, nats)
  const options = { executable: ALL_EXECUTABLE, settings }
  return withTracker(options, async (tracker) => {
    const [, udp, http, ws] = await tracker.waitForOutput(
      /UDP: [\d.]+:(\d+) .*HTTP: [\d.]+:(\d+) .*WebTorrent: [\d.]+:(\d+) /,
    )
    const at = (port: string) => ({ host: '127.0.0.1', port: Number(port) })
    return use({ trackers: [tracker], udp: at(udp), http: at(http), ws: at(ws) })
  })
}

test.each([
  ['the single trackers', withSingleTrackers],
  ['aquatic', withAquatic],
])(
  'Prometheus returns series of %s for every panel of the dashboard, and no alert fires',
  (_, withServed) =>
    inCluster((nats) =>
      withServed(nats, async ({ trackers, udp, http, ws }) => {
        await using place = new Here()
        await startPrometheus(place, trackers)
        startLoad(place, 'aquatic_udp_load_test', udp)
        startLoad(place, 'aquatic_ws_load_test', ws)
        const bad = await WsClient.connect(ws)
        let faults: string[] = []
        // Mistakes go on meanwhile, because panels of refusals show those of the last seconds.
        const isGood = async () => {
          await withClient('127.0.0.1', async (client) => client.send(Buffer.from(INVALID), udp))
          bad.sendText(INVALID)
          for (const target of [announceTarget(), '/nowhere']) await askOnce(http, target)
          faults = (await Promise.all(queries.map(faultOf))).filter((fault) => fault !== '')
          return faults.length === 0
        }
        await waitUntil(isGood, SERIES_MS).catch((error) => {
          throw new Error(`${error.message}: ${faults.join('; ')}`)
        })
        expect(faults).toEqual([])
        const rules = (await ask('rules')).groups.flatMap((group) => group.rules)
        expect(rules.length).toBeGreaterThan(5)
        // A machine that is busy with other tests is slow.
        const mayWarn = ({ name, state }: Rule) => state === 'inactive' || name === 'TrackerIsSlow'
        expect(rules.filter((rule) => rule.health !== 'ok' || !mayWarn(rule))).toEqual([])
      }),
    ),
)
