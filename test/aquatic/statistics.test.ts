// Statistics of several protocols: a table of each, of which one tells of the swarms that it shares.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { type Tracker, withTracker } from '../support/tracker.ts'
import { announceOverHttp, at, settingsFor, TITLES } from './harness.ts'

setDefaultTimeout(180_000)

const EVERY_SECOND = '[statistics]\ninterval = 1\npeer_clients = true'

/** The first table that begins with this title. */
async function tableOf(tracker: Tracker, title: string): Promise<string> {
  const [table] = await tracker.waitForOutput(
    new RegExp(
      `^${title}: statistics of .*\\n(?:.+\\n)*?rejects/s.*\\n(?:.+\\n)+?(?=[A-Z]|clients)`,
      'm',
    ),
  )
  return table
}

test('are a table of each protocol, and a line about the clients of all', () =>
  withTracker(settingsFor({ more: EVERY_SECOND }), async (tracker) => {
    const tables = await Promise.all(Object.values(TITLES).map((title) => tableOf(tracker, title)))
    const [udp, http, ws] = tables
    expect(udp).toMatch(/bytes {2}torrents {2}seeders {2}leechers\n/)
    expect(udp).toContain('waits for another worker')
    expect(http).toMatch(/bytes\n/)
    expect(http).not.toMatch(/torrents|another worker/)
    expect(ws).toContain('torrents 0, seeders 0')
    for (const table of tables) expect(table).not.toContain('clients:')
    await tracker.waitForOutput(/^clients: none so far$/m)
  }))

test('of HTTP include the swarms if UDP is not enabled', () =>
  withTracker(
    settingsFor({ lines: { udp: 'enabled = false' }, more: EVERY_SECOND }),
    async (tracker) => {
      const table = await tableOf(tracker, 'HTTP')
      expect(table).toMatch(/bytes {2}torrents {2}seeders {2}leechers\n/)
      expect(table).toContain('waits for another worker')
    },
  ))

test('are objects that name the section of their protocol', () =>
  withTracker(
    settingsFor({ more: EVERY_SECOND, env: { AQUATIC_LOG_FORMAT: 'json' } }),
    async (tracker) => {
      await announceOverHttp(at(tracker, 'http'), { port: 1001 })
      await tracker.waitForOutput(/"libtorrent|"clients":\{"[^"]/)
      const lines = tracker.stderr.split('\n').filter((line) => line.startsWith('{'))
      const figures = lines
        .map((line) => JSON.parse(line))
        .filter(({ part }) => part === 'statistics')
      const last = (name?: string) => figures.findLast(({ protocol }) => protocol === name)
      expect(last('udp').now.ipv4).toEqual({ torrents: 1, seeders: 0, leechers: 1 })
      expect(last('udp').lock_waits).toBeNumber()
      expect(Object.keys(last('http').now)).toEqual(['connections', 'connection_limit'])
      expect(last('http').lock_waits).toBeUndefined()
      expect(last('ws').now.torrents).toBe(0)
      for (const name of ['udp', 'http', 'ws']) expect(last(name).clients).toBeUndefined()
      expect(Object.values(last().clients)).toEqual([1])
    },
  ))
