// Two protocols with connections share what the system allows the process.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { HttpConnection } from '../support/http-client.ts'
import { withTracker } from '../support/tracker.ts'
import { WsClient } from '../support/ws-client.ts'
import { at, settingsFor } from './harness.ts'

setDefaultTimeout(180_000)

const MANY = '[limits]\nmax_torrents = 1000\nmax_peers = 1000\n'
const LIMITED = ['sh', '-c', 'ulimit -n 700; exec "$@"', 'sh']
const WARNING =
  /warning: at most (\d+) connections instead of \[(http|ws)\.limits\] max_connections = (\d+): raise the system's limit on open files \(ulimit -n, LimitNOFILE\)\n/g

test('as many connections as descriptors suffice for are shared out, and the start says so', () =>
  withTracker(settingsFor({ more: MANY, prefix: LIMITED }), async (tracker) => {
    const told = [...tracker.stderr.matchAll(WARNING)]
    expect(told.map(([, , name, wanted]) => [name, wanted])).toEqual([
      ['http', '100000'],
      ['ws', '100000'],
    ])
    const [http, ws] = told.map(([, possible]) => Number(possible))
    expect(Math.abs(http - ws)).toBeLessThanOrEqual(1)
    expect(http + ws).toBeLessThan(700)
    expect(http + ws).toBeGreaterThan(400)
    // All of HTTP's are taken; WebTorrent has its own.
    const kept = await Promise.all(
      Array.from({ length: http + 20 }, async () => {
        const connection = await HttpConnection.open(at(tracker, 'http'))
        connection.send('GET /health HT')
        return connection
      }),
    )
    const clients = await Promise.all(
      Array.from({ length: 100 }, () => WsClient.connect(at(tracker, 'ws'))),
    )
    for (const each of clients) each.destroy()
    for (const each of kept) each.close()
  }))

test('where they suffice nothing is said', () =>
  withTracker(
    settingsFor({
      more: `${MANY}[http.limits]\nmax_connections = 50\n[ws.limits]\nmax_connections = 300\n`,
      prefix: LIMITED,
    }),
    (tracker) => expect(tracker.stderr).not.toContain('warning'),
  ))
