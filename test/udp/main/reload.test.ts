// SIGHUP: settings that change while the tracker serves.
import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newFolder, removeFolder } from '../../support/folder.ts'
import { announceRequest, infoHash } from '../../support/packets.ts'
import { type Endpoint, type Tracker, withTracker } from '../../support/tracker.ts'
import { type UdpClient, withClient } from '../../support/udp-client.ts'
import { waitUntil } from '../../support/wait.ts'

setDefaultTimeout(180_000)

let folder = ''
let file = ''
beforeEach(() => {
  folder = newFolder()
  file = join(folder, 'settings.toml')
})
afterEach(() => removeFolder(folder))

const BASE = "[network]\naddress = '127.0.0.1:0'\n"
const LIMITS = '[limits]\nmax_torrents = 1000\nmax_peers = 10000\n'

function write(before: string, after = '', limits = LIMITS): void {
  writeFileSync(file, `${before}\n${BASE}${limits}${after}`)
}

function serving(
  use: (tracker: Tracker, client: UdpClient, to: Endpoint) => Promise<void>,
): Promise<void> {
  return withTracker({ file }, (tracker) =>
    withClient('127.0.0.1', (client) => use(tracker, client, tracker.at())),
  )
}

/** Sends SIGHUP and returns what the log says about it. */
async function reload(tracker: Tracker, pattern: RegExp): Promise<string> {
  tracker.signal('SIGHUP')
  const [line] = await tracker.waitForOutput(pattern)
  return line
}

describe('SIGHUP', () => {
  test.each([0, 2])(
    'changes what clients are told, at once (%d request workers)',
    (requestWorkers) => {
      const top = `log_level = 'warn'\nrequest_workers = ${requestWorkers}`
      write(top)
      return serving(async (tracker, client, to) => {
        for (let port = 1; port <= 9; port++) await client.announce(to, { port })
        const before = await client.announce(to, { port: 10 })
        expect(before.interval).toBe(900)
        expect(before.peers.length).toBe(9)
        write(top, '[protocol]\npeer_announce_interval = 1800\nmax_response_peers = 3\n')
        const line = await reload(tracker, /settings changed: .*\n/)
        expect(line).toContain(
          '[protocol] max_response_peers = 3 (it was 255), ' +
            '[protocol] peer_announce_interval = 1800 (it was 900)\n',
        )
        await waitUntil('the worker has the new settings', async () => {
          const { interval, peers } = await client.announce(to, { port: 10 })
          return interval === 1800 && peers.length === 3
        })
      })
    },
  )

  test('changes ages, the cleaning, limits, exports, statistics and the log level', () => {
    const exported = join(folder, 'scrapes.txt')
    const toExport = `[scrape_export]\npath = '${exported}'\n`
    write("log_level = 'error'", toExport)
    return serving(async (tracker, client, to) => {
      await client.announce(to, { port: 1 })
      const changed = '[cleaning]\ninterval = 1\nmax_peer_age = 1\n[statistics]\ninterval = 1\n'
      const exports = `${toExport}cleanings = 2\n`
      write(
        "log_level = 'info'",
        changed + exports,
        '[limits]\nmax_torrents = 2\nmax_peers = 10000\n',
      )
      await reload(tracker, /settings changed: log_level = 'info'.*max_torrents = 2 .*\n/)
      await tracker.waitForOutput(/^statistics of /m)
      await waitUntil('the peer is forgotten, though it came before the change', async () => {
        return (await client.scrape(to, infoHash(1))).leechers === 0
      })
      await waitUntil('the export comes as often as it should now', () => existsSync(exported))
      const id = await client.connect(to)
      await waitUntil('of three new torrents at once, one is too many', async () => {
        const packets = await Promise.all(
          [3, 4, 5].map((n) => client.request(announceRequest(id, { infoHash: infoHash(n) }), to)),
        )
        const texts = packets.map(({ packet }) => packet.toString('utf8', 8))
        return texts.includes('Tracker is full: no new torrents')
      })
    })
  })

  test.each([
    ['the default', ''],
    ["'off'", "log_level = 'off'"],
  ])('is answered at log level %s too', (_, top) => {
    write(top)
    return serving(async (tracker) => {
      write(`${top}\nsocket_workers = 2`, '[protocol]\nmax_response_peers = 3\n')
      await reload(tracker, /settings changed: \[protocol\] max_response_peers = 3 /)
      await tracker.waitForOutput(/settings that need a restart: socket_workers = 2 /)
      write(`${top}\nsocket_workers = 'two'`)
      await reload(tracker, /settings stay as they are: .*socket_workers = 'two' is a string/)
      write(top, '[protocol]\npeer_announce_interval = 200\n')
      await reload(tracker, /lists of public trackers leave this tracker out/)
    })
  })

  test('says what needs a restart, again each time, and what is the same', () => {
    write("log_level = 'warn'")
    return serving(async (tracker) => {
      await reload(tracker, /settings read again: nothing has changed\n/)
      const larger = '[limits]\nmax_torrents = 2000\nmax_peers = 10000\n'
      write("log_level = 'warn'\nsocket_workers = 2", '', larger)
      const pattern =
        /settings that need a restart: socket_workers = 2 \(it was 1\), \[limits\] max_torrents = 2000 \(it was 1000\)\n/
      await reload(tracker, pattern)
      await reload(tracker, new RegExp(`${pattern.source}[\\s\\S]*${pattern.source}`))
      expect(tracker.stderr).not.toContain('settings changed')
    })
  })

  test.each([
    [
      'a mistake',
      "log_level = 'warn'\nsocket_workers = 'two'",
      /socket_workers = 'two' is a string/,
    ],
    ['broken TOML', 'log_level = ', /settings stay as they are: /],
    ['an unknown key', "log_level = 'warn'\nlog_levl = 'info'", /Did you mean log_level/],
  ])('with %s in the file changes nothing', (_, text, message) => {
    write("log_level = 'warn'")
    return serving(async (tracker, client, to) => {
      write(text, '[protocol]\npeer_announce_interval = 1800\n')
      const line = await reload(tracker, /settings stay as they are: .*\n/)
      expect(line).toMatch(message)
      expect((await client.announce(to, { port: 1 })).interval).toBe(900)
      rmSync(file)
      await reload(tracker, /there is no such file/)
      write("log_level = 'warn'", '[protocol]\npeer_announce_interval = 1800\n')
      await reload(tracker, /settings changed: \[protocol\] peer_announce_interval = 1800/)
    })
  })

  test('puts another access list in force', () => {
    const list = join(folder, 'list.txt')
    writeFileSync(list, `${infoHash(1).toString('hex')}\n`)
    write("log_level = 'warn'")
    return serving(async (tracker, client, to) => {
      await client.announce(to, { infoHash: infoHash(2) })
      write("log_level = 'warn'", `[access_list]\nmode = 'allow'\npath = '${list}'\n`)
      await reload(tracker, /settings changed: \[access_list\] mode = 'allow'/)
      const answer = async (n: number) => {
        const request = announceRequest(await client.connect(to), { infoHash: infoHash(n) })
        return (await client.request(request, to)).packet.readUInt32BE(0)
      }
      await waitUntil('torrent 2 is forbidden', async () => (await answer(2)) === 3)
      expect(await answer(1)).toBe(1)
      write("log_level = 'warn'")
      await reload(tracker, /settings changed: \[access_list\] mode = 'off'/)
      await waitUntil('torrent 2 is served again', async () => (await answer(2)) === 1)
    })
  })

  test.skipIf(process.getuid?.() !== 0)(
    'works in another root directory, if the file is there',
    () => {
      const privileges = (root: string) =>
        `[privileges]\ndrop_privileges = true\nchroot_path = '${root}'\n`
      write("log_level = 'warn'", privileges(folder))
      chmodSync(file, 0o644)
      return serving(async (tracker) => {
        write("log_level = 'warn'", `${privileges(folder)}[statistics]\ninterval = 5\n`)
        await reload(tracker, /settings changed: \[statistics\] interval = 5/)
      })
    },
  )
})
