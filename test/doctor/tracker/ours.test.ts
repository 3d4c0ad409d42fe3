// Our own trackers pass every conformance check, over each protocol and address family, and the doctor finds nothing wrong with them.
import { afterAll, describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import type { Finding } from '../../../doctor/finding.ts'
import { checksOf, type Outcome, runConformance } from '../../../doctor/tracker/conformance.ts'
import { diagnose } from '../../../doctor/tracker/diagnose.ts'
import {
  type Endpoint,
  endpointAt,
  type Protocol,
  parseTrackerUrl,
} from '../../../doctor/tracker/endpoint.ts'
import { Certificates } from '../../support/certificates.ts'
import { NameServer } from '../../support/name-server.ts'
import {
  ALL_EXECUTABLE,
  EXECUTABLE,
  HTTP_EXECUTABLE,
  type Tracker,
  WS_EXECUTABLE,
  withTracker,
} from '../../support/tracker.ts'

const certificates = new Certificates()
certificates.makeNamed('tracker', 'tracker.test')
const names = await NameServer.open({ 'tracker.test': {} })
afterAll(() => {
  certificates.remove()
  names.close()
})

/** On one machine an answer takes a millisecond; a busy one may take longer. */
const PATIENCE = { answerMs: 10_000, silenceMs: 150 }

const ADDRESS = "address = ['127.0.0.1:0', '[::1]:0']\n"
const TLS = `use_tls = true\ntls_certificate_path = '${certificates.path('tracker.pem')}'\ntls_private_key_path = '${certificates.path('tracker-key.pem')}'\n`

const TRACKERS: [name: string, executable: string, settings: string, protocols: Protocol[]][] = [
  ['aquatic_udp', EXECUTABLE, `[network]\n${ADDRESS}`, ['udp']],
  ['aquatic_http', HTTP_EXECUTABLE, `[network]\n${ADDRESS}`, ['http']],
  ['aquatic_http with TLS', HTTP_EXECUTABLE, `[network]\n${ADDRESS}${TLS}`, ['https']],
  ['aquatic_ws', WS_EXECUTABLE, `[network]\n${ADDRESS}`, ['ws']],
  [
    'aquatic_ws with TLS',
    WS_EXECUTABLE,
    `socket_workers = 2\n[network]\n${ADDRESS}${TLS}`,
    ['wss'],
  ],
  [
    'aquatic',
    ALL_EXECUTABLE,
    `[udp.network]\n${ADDRESS}[http.network]\n${ADDRESS}[ws.network]\n${ADDRESS}`,
    ['udp', 'http', 'ws'],
  ],
]

/** What cannot be seen at some endpoints, and at no others. */
function mayBeSkipped({ url, family }: Endpoint, name: string): boolean {
  if (/^(http|ws)\/tls\//.test(name)) return url.protocol === 'http' || url.protocol === 'ws'
  if (name === 'udp/connection-id/refused-from-another-address') return family === 6
  return name === 'http/peers/no-peers6-over-ipv4' && family === 6
}

function endpointsOf(tracker: Tracker, protocols: readonly Protocol[]): Endpoint[] {
  // The tracker of all protocols names those of each, one after the other.
  const [line] = tracker.stderr.match(/listening on .*/) ?? ['']
  const listed = [...line.matchAll(/(127\.0\.0\.1|\[::1\]):(\d+)/g)]
  return listed.map(([, shown, port], i) => {
    const protocol = protocols[Math.floor((i * protocols.length) / listed.length)]
    const target = protocol.startsWith('ws') ? '/' : '/announce'
    const name = protocol.endsWith('s') ? 'tracker.test' : shown
    const url = parseTrackerUrl(`${protocol}://${name}:${port}${target}`)
    if ('mistake' in url) throw new Error(url.mistake)
    return endpointAt(url, shown.replace(/[[\]]/g, ''))
  })
}

async function outcomesAt(endpoint: Endpoint): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  await runConformance({
    endpoint,
    patience: PATIENCE,
    only: () => true,
    told: (outcome) => void outcomes.push(outcome),
  })
  return outcomes
}

describe.each(TRACKERS)('%s', (_, executable, settings, protocols) => {
  const started = { executable, settings }

  test(
    'passes the conformance checks',
    () =>
      withTracker(started, async (tracker) => {
        const endpoints = endpointsOf(tracker, protocols)
        expect(endpoints.length).toBe(2 * protocols.length)
        for (const endpoint of endpoints) {
          const outcomes = await outcomesAt(endpoint)
          expect(outcomes.length).toBe(checksOf(endpoint.url.protocol).length)
          expect(outcomes.filter(({ result }) => result === 'fail')).toEqual([])
          const skipped = outcomes.filter(({ result }) => result === 'skip').map(({ name }) => name)
          expect(skipped.filter((name) => !mayBeSkipped(endpoint, name))).toEqual([])
        }
      }),
    180_000,
  )

  test(
    'has nothing wrong with it',
    () =>
      withTracker(started, async (tracker) => {
        const authority = readFileSync(certificates.path('tracker.pem'), 'latin1')
        for (const { url, address } of endpointsOf(tracker, protocols)) {
          const means = {
            addresses: [address],
            nameServer: names.address,
            patience: PATIENCE,
            authority,
          }
          const reports = await diagnose(url, means)
          const findings = reports.flatMap(({ findings }) => findings)
          const isWrong = ({ severity }: Finding) => severity === 'fault' || severity === 'warning'
          expect(findings.filter(isWrong)).toEqual([])
          expect(findings.filter(({ severity }) => severity === 'good').length).toBeGreaterThan(6)
        }
      }),
    180_000,
  )
})
