import { afterEach, beforeEach, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { spawnSync } from 'node:child_process'
import { appendFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newFolder, removeFolder } from '../support/folder.ts'
import { announceRequest, infoHash, readScrape, scrapeRequest } from '../support/packets.ts'
import { STATISTICS, statisticsIn } from '../support/statistics.ts'
import {
  type Endpoint,
  EXECUTABLE,
  listenOn,
  runTracker,
  type Tracker,
  withTracker,
} from '../support/tracker.ts'
import { type UdpClient, withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'

setDefaultTimeout(180_000)

let folder = ''
beforeEach(() => {
  folder = newFolder()
})
afterEach(() => removeFolder(folder))

const pathOf = () => join(folder, 'list.txt')

/** Replaces the list, as a whole. */
function writeList(...numbers: number[]): void {
  const lines = numbers.map((n) => `${infoHash(n).toString('hex')}\n`)
  writeFileSync(`${pathOf()}.new`, lines.join(''))
  renameSync(`${pathOf()}.new`, pathOf())
}

const settingsOf = (mode: string, more = '') =>
  `log_level = 'info'\n${listenOn('127.0.0.1:0')}${STATISTICS}[cleaning]\ninterval = 1\n` +
  `[access_list]\nmode = '${mode}'\npath = '${pathOf()}'\n${more}`

function serving(
  settings: string,
  use: (tracker: Tracker, client: UdpClient, to: Endpoint) => Promise<void>,
): Promise<void> {
  return withTracker({ settings }, (tracker) =>
    withClient('127.0.0.1', (client) => use(tracker, client, tracker.at())),
  )
}

/** The error to an announce of a torrent; '' when it is served. */
async function refusal(client: UdpClient, to: Endpoint, n: number): Promise<string> {
  const request = announceRequest(await client.connect(to), { infoHash: infoHash(n) })
  const { packet } = await client.request(request, to)
  return packet.readUInt32BE(0) === 3 ? packet.toString('utf8', 8) : ''
}

const NOT_ALLOWED = 'Info hash not allowed'

test('without an access list, SIGUSR1 is not answered in the log', () => {
  writeList(1)
  return serving(settingsOf('off'), async (tracker) => {
    tracker.signal('SIGUSR1')
    tracker.signal('SIGHUP')
    await tracker.waitForOutput(/settings read again/)
    expect(tracker.stderr).not.toContain('access list')
  })
})

/** More than a block holds: such swarms have a directory of blocks for each role. */
const LARGE = 400

describe('an access list', () => {
  test.each([
    [3, 0],
    [2, 3],
  ])(
    'that forbids large swarms has them leave whole, and no others, with %d socket and %d request workers',
    (sockets, requests) => {
      // Enough torrents that each worker has some to clean.
      const torrents = Array.from({ length: 12 }, (_, i) => i + 1)
      const isForbidden = (n: number) => n % 2 === 0
      const workers = `socket_workers = ${sockets}\nrequest_workers = ${requests}\n`
      writeList(100)
      return serving(`${workers}${settingsOf('deny')}`, async (tracker, client, to) => {
        const id = await client.connect(to)
        const sizes = async () => {
          const request = scrapeRequest(id, torrents.map(infoHash))
          const { entries } = readScrape((await client.request(request, to)).packet)
          return entries.map(({ seeders, leechers }) => seeders + leechers)
        }
        for (const n of torrents) {
          const ports = Array.from({ length: LARGE }, (_, i) => 1000 + i)
          for (let first = 0; first < LARGE; first += 50) {
            const some = ports.slice(first, first + 50).map((port) => {
              return announceRequest(id, { infoHash: infoHash(n), port, left: BigInt(port % 3) })
            })
            await Promise.all(some.map((request) => client.request(request, to)))
          }
        }
        expect(await sizes()).toEqual(torrents.map(() => LARGE))
        writeList(...torrents.filter(isForbidden))
        tracker.signal('SIGUSR1')
        await waitUntil('they have left', () => {
          const { torrents, seeders, leechers } = statisticsIn(tracker.stderr).at(-1) ?? {}
          return torrents === 6 && seeders + leechers === 6 * LARGE
        })
        writeList()
        tracker.signal('SIGUSR1')
        await tracker.waitForOutput(/access list \(SIGUSR1\): mode deny, 0 info hashes/)
        const left = torrents.map((n) => (isForbidden(n) ? 0 : LARGE))
        await waitUntil('all workers have the empty list', async () => {
          return JSON.stringify(await sizes()) === JSON.stringify(left)
        })
      })
    },
  )

  test.each([
    ['allow', 0, ['', NOT_ALLOWED]],
    ['deny', 0, [NOT_ALLOWED, '']],
    ['off', 0, ['', '']],
    ['allow', 2, ['', NOT_ALLOWED]],
    ['deny', 2, [NOT_ALLOWED, '']],
  ])(
    'of mode %s, with %d request workers, answers torrents in and not in the list',
    (mode, workers, [listed, other]) => {
      writeList(1, 2)
      return serving(`request_workers = ${workers}\n${settingsOf(mode)}`, async (_, client, to) => {
        expect(await refusal(client, to, 1)).toBe(listed)
        expect(await refusal(client, to, 2)).toBe(listed)
        expect(await refusal(client, to, 3)).toBe(other)
      })
    },
  )

  test.each([0, 2])(
    'is read again on SIGUSR1; a torrent it forbids scrapes as zeros and leaves (%d request workers)',
    (workers) => {
      writeList(7)
      return serving(
        `request_workers = ${workers}\n${settingsOf('deny')}`,
        async (tracker, client, to) => {
          const scrape = async () => {
            const request = scrapeRequest(await client.connect(to), [infoHash(1), infoHash(2)])
            return readScrape((await client.request(request, to)).packet).entries.map(
              (e) => e.leechers,
            )
          }
          expect(await refusal(client, to, 1)).toBe('')
          expect(await refusal(client, to, 2)).toBe('')
          expect(await scrape()).toEqual([1, 1])
          writeList(1)
          tracker.signal('SIGUSR1')
          await waitUntil('it is forbidden', async () => {
            return (await refusal(client, to, 1)) === NOT_ALLOWED
          })
          expect(await scrape()).toEqual([0, 1])
          // Allowed again once it has been cleaned away, it has no peers any more.
          await waitUntil('the cleaning has come by', () => {
            return statisticsIn(tracker.stderr).at(-1)?.torrents === 1
          })
          writeList()
          tracker.signal('SIGUSR1')
          await tracker.waitForOutput(/access list \(SIGUSR1\): mode deny, 0 info hashes/)
          expect(await scrape()).toEqual([0, 1])
        },
      )
    },
  )

  test('is read again when the file changes', () => {
    writeList(1)
    return serving(settingsOf('allow'), async (tracker, client, to) => {
      expect(await refusal(client, to, 2)).toBe(NOT_ALLOWED)
      writeList(1, 2)
      await tracker.waitForOutput(/access list \(it has changed\): mode allow, 2 info hashes/)
      await waitUntil('it is allowed', async () => (await refusal(client, to, 2)) === '')
    })
  })

  test('that is being written in place is not taken in parts', () => {
    const LINES = 250
    const PARTS = 30
    const numbers = Array.from({ length: LINES }, (_, i) => i + 1)
    const lines = numbers.map((n) => `${infoHash(n).toString('hex')}\n`)
    writeList(...numbers)
    return serving(settingsOf('allow'), async (tracker, client, to) => {
      writeFileSync(pathOf(), '')
      const text = lines.join('')
      const size = Math.ceil(text.length / PARTS)
      let part = 0
      // Longer in all than the timer's interval, each part shorter than the one after a signal. Parts end in lines.
      const writing = setInterval(() => {
        appendFileSync(pathOf(), text.slice(part * size, (part + 1) * size))
        if (part++ === 1) tracker.signal('SIGUSR1')
        if (part === PARTS) clearInterval(writing)
      }, 100)
      await waitUntil('it is written', async () => {
        expect(await refusal(client, to, LINES)).toBe('')
        return part === PARTS
      })
      await tracker.waitForOutput(/access list \(.*\): mode allow, 250 info hashes/)
      expect(tracker.stderr).not.toMatch(/access list .* stays in force|allow, (?!250 )/)
    })
  })

  test('is logged at the default level if SIGUSR1 asked for it', () => {
    writeList(1)
    return serving(settingsOf('allow').replace("'info'", "'error'"), async (tracker) => {
      writeList(1, 2)
      tracker.signal('SIGUSR1')
      await tracker.waitForOutput(/info {2}udp: access list \(SIGUSR1\): mode allow, 2 info hashes/)
    })
  })

  test('stays when the new file is wrong, which is logged', () => {
    writeList(1)
    return serving(settingsOf('allow'), async (tracker, client, to) => {
      writeFileSync(pathOf(), 'nonsense\n')
      tracker.signal('SIGUSR1')
      await tracker.waitForOutput(
        /error udp: access list .* line 1 has no hex digits.* stays in force/,
      )
      rmSync(pathOf())
      tracker.signal('SIGUSR1')
      await tracker.waitForOutput(
        /access list .* cannot be read: there is no such file \(ENOENT\); the previous list stays/,
      )
      expect(await refusal(client, to, 1)).toBe('')
      expect(await refusal(client, to, 2)).toBe(NOT_ALLOWED)
    })
  })

  test('that is wrong or missing stops the start', async () => {
    const missing = await runTracker({ settings: settingsOf('deny') })
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining('ENOENT') })
    writeFileSync(pathOf(), `# fine\nabc\n`)
    const { code, stderr } = await runTracker({ settings: settingsOf('deny') })
    expect(code).toBe(1)
    expect(stderr).toContain(`[access_list] path '${pathOf()}' line 2 has 3 hex digits`)
    const { stderr: none } = await runTracker({
      settings: `${listenOn('127.0.0.1:0')}[access_list]\nmode = 'allow'\n`,
    })
    expect(none).toContain("[access_list] mode = 'allow' needs a list")
  })

  test('that is a pipe stops start and --check, and changes nothing in a running tracker', async () => {
    const pipe = 'cannot be read: it is a pipe, and only regular files are read'
    spawnSync('mkfifo', [pathOf()])
    for (const executable of [EXECUTABLE, [EXECUTABLE, '--check']]) {
      const { code, stderr } = await runTracker({ executable, settings: settingsOf('deny') })
      expect(code).toBe(1)
      expect(stderr).toContain(`[access_list] path '${pathOf()}' ${pipe}`)
    }
    writeList(1)
    await serving(settingsOf('allow'), async (tracker, client, to) => {
      rmSync(pathOf())
      spawnSync('mkfifo', [pathOf()])
      tracker.signal('SIGUSR1')
      await tracker.waitForOutput(new RegExp(`access list .* ${pipe}; the previous list stays`))
      expect(await refusal(client, to, 1)).toBe('')
      tracker.signal('SIGTERM')
      expect(await tracker.waitForEnd()).toMatchObject({ code: 0 })
    })
  })

  test('that is wrong or missing is reported by --check too, with the other mistakes', async () => {
    const executable = [EXECUTABLE, '--check']
    const settings = `${settingsOf('deny')}[cleaning2]\n`
    const { code, stderr } = await runTracker({ executable, settings })
    expect(code).toBe(1)
    expect(stderr).toContain('2 mistakes in the settings')
    expect(stderr).toContain(
      `[access_list] path '${pathOf()}' cannot be read: there is no such file (ENOENT)`,
    )
    writeList(1)
    expect(await runTracker({ executable, settings: settingsOf('deny') })).toMatchObject({
      code: 0,
    })
  })

  test.skipIf(process.getuid?.() !== 0)('is read again in another root directory', () => {
    writeList(1)
    const privileges = `[privileges]\ndrop_privileges = true\nchroot_path = '${folder}'\n`
    return serving(settingsOf('allow', privileges), async (tracker, client, to) => {
      expect(await refusal(client, to, 2)).toBe(NOT_ALLOWED)
      writeList(2)
      tracker.signal('SIGUSR1')
      await waitUntil('it is allowed', async () => (await refusal(client, to, 2)) === '')
      expect(await refusal(client, to, 1)).toBe(NOT_ALLOWED)
    })
  })
})
