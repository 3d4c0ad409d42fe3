// An operator learns of what goes wrong, and no health check restarts a tracker for it.
import { expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inFolder } from '../../support/folder.ts'
import { connectRequest } from '../../support/packets.ts'
import { listenOn, withTracker } from '../../support/tracker.ts'
import { withClient } from '../../support/udp-client.ts'
import { waitUntil } from '../../support/wait.ts'

setDefaultTimeout(180_000)

const SETTINGS =
  `${listenOn('127.0.0.1:0')}socket_recv_buffer_size = 4096\n` +
  "[operations]\naddress = '127.0.0.1:0'\n[source_limits]\nconnects_per_second = 0\n"

const STATS_URL = 'stats.json'

interface Stats {
  readonly state: string
  readonly troubles: readonly { readonly name: string; readonly text: string }[]
}

test.each(['error', 'off'])('packets lost before the tracker are reported, log level %s', (level) =>
  withTracker({ settings: `log_level = '${level}'\n${SETTINGS}` }, async (tracker) => {
    const url = await tracker.operationsUrl()
    const get = async (path: string) => (await fetch(`${url}${path}`)).text()
    const stats = async () => JSON.parse(await get(STATS_URL)) as Stats
    expect(await stats()).toMatchObject({ state: 'good', troubles: [] })
    expect(await get('metrics')).toContain('\ntracker_trouble{trouble="receive_drops"} 0\n')
    await withClient('127.0.0.1', async (client) => {
      await tracker.pause()
      client.sendMany(Array(5000).fill(connectRequest()), tracker.at())
      tracker.signal('SIGCONT')
      await waitUntil('it is told', async () => (await stats()).state === 'bad')
    })
    const { troubles } = await stats()
    const told = /The system dropped [1-4],\d{3} packets in the last minute \([^)]*\d\d % of all\)/
    expect(troubles.map(({ name }) => name)).toEqual(['receive_drops'])
    expect(troubles[0].text).toMatch(told)
    expect(await get('')).toMatch(told)
    expect(await get('metrics')).toContain('\ntracker_trouble{trouble="receive_drops"} 2\n')
    const health = await fetch(`${url}health`)
    expect(health.status).toBe(200)
    expect(await health.text()).toMatch(
      /^healthy\nbad: The system dropped .*socket_recv_buffer_size/,
    )
    const lines = tracker.stderr.match(/error trouble: bad: The system dropped .*/g) ?? []
    expect(lines).toHaveLength(level === 'off' ? 0 : 1)
  }),
)

async function namesOf(url: string): Promise<string[]> {
  const { troubles } = (await (await fetch(`${url}${STATS_URL}`)).json()) as Stats
  return troubles.map(({ name }) => name)
}

test('files that the main thread fails to write or read are reported until it works again', () =>
  inFolder((folder) => {
    const [kept, list] = [join(folder, 'kept'), join(folder, 'list.txt')]
    mkdirSync(kept)
    writeFileSync(list, '')
    const settings =
      `${listenOn('127.0.0.1:0')}[operations]\naddress = '127.0.0.1:0'\n` +
      `[persistence]\npath = '${kept}'\n[access_list]\nmode = 'deny'\npath = '${list}'\n` +
      `[scrape_export]\npath = '${join(kept, 'counts.txt')}'\ncleanings = 1\n[cleaning]\ninterval = 1\n`
    return withTracker({ settings }, async (tracker) => {
      const url = await tracker.operationsUrl()
      expect(await namesOf(url)).toEqual([])
      renameSync(kept, `${kept}.away`)
      writeFileSync(list, 'nonsense\n')
      for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) tracker.signal(signal)
      const all = ['access_list_failed', 'snapshot_failed', 'scrape_export_failed']
      await waitUntil('all three are told', async () => {
        // The history lies in the same folder, and is written now or some minutes later.
        const names = (await namesOf(url)).filter((name) => name !== 'history_failed')
        return Bun.deepEquals(names, all)
      })
      expect(tracker.stderr).not.toContain('error trouble')
      renameSync(`${kept}.away`, kept)
      writeFileSync(list, '')
      for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) tracker.signal(signal)
      await waitUntil('none is', async () => (await namesOf(url)).length === 0)
    })
  }))
