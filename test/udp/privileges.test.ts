import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { inFolder } from '../support/folder.ts'
import { SCHEDULES, useRequestWorkers } from '../support/schedules.ts'
import { STATISTICS, TWO_STATISTICS } from '../support/statistics.ts'
import {
  EXECUTABLE,
  listenOn,
  runTracker,
  type StartOptions,
  type Tracker,
  WS_EXECUTABLE,
  withTracker,
} from '../support/tracker.ts'
import { withClient } from '../support/udp-client.ts'

setDefaultTimeout(180_000)

const isRoot = process.getuid?.() === 0
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--']
const needsRoot = isRoot ? '' : ' (skipped: this needs root)'

interface Options extends StartOptions {
  readonly privileges?: string
  readonly more?: string
}

/** Settings that give up rights; `privileges` adds to them. */
function dropping({ privileges = '', more = '', ...rest }: Options = {}): StartOptions {
  const settings = `socket_workers = 2\n${listenOn('0.0.0.0:0')}${more}
    [privileges]\ndrop_privileges = true\n${privileges}\n`
  return { settings, ...rest }
}

const NO_CAPABILITIES = '0000000000000000'
/** By name: the main thread, and workers. The others are the runtime's. */
const OWN_THREADS = /^Name:\s+(?:aquatic_|Worker)/

/** A line of /proc/PID/status of each thread that is asked for, such as all user ids. */
function ofThreads(pid: number, field: string, which = /^/): Set<string> {
  const tasks = `/proc/${pid}/task`
  const texts = readdirSync(tasks)
    .map((task) => readFileSync(`${tasks}/${task}/status`, 'utf8'))
    .filter((text) => which.test(text))
  const line = new RegExp(`^${field}:[ \\t]*(.*?)[ \\t]*$`, 'm')
  return new Set(texts.map((text) => text.match(line)?.[1] ?? `no ${field}`))
}

const ids = (id: number) => new Set([`${id}\t${id}\t${id}\t${id}`])

async function useAndStop(tracker: Tracker): Promise<void> {
  for (const host of ['127.0.0.1', '::1']) {
    await withClient(host, async (client) => {
      await client.announce(tracker.at(host), { port: 1001 })
      expect((await client.announce(tracker.at(host), { port: 1002 })).peers.length).toBe(1)
    })
  }
  tracker.signal('SIGTERM')
  const { code, stderr } = await tracker.waitForEnd()
  expect(code).toBe(0)
  expect(stderr).not.toContain('failed')
}

/** It named the program and the cause on one line, and ended. */
async function expectRefusal(options: StartOptions, ...parts: string[]): Promise<void> {
  const { code, stderr } = await runTracker(options)
  expect(stderr).toMatch(/^aquatic_udp: [^\n]+\n$/)
  for (const part of parts) expect(stderr).toContain(part)
  expect(code).toBe(1)
}

describe.each(SCHEDULES)('$schedule', ({ requestWorkers }) => {
  useRequestWorkers(requestWorkers)

  describe.skipIf(!isRoot)(`a tracker that root starts with drop_privileges${needsRoot}`, () => {
    test('is nobody, in all its threads, without groups and capabilities', () =>
      // Root's own supplementary groups have to go, so it is given some.
      withTracker(dropping({ prefix: ['setpriv', '--groups=4,24', '--'] }), async (tracker) => {
        const { pid } = tracker
        expect(ofThreads(pid, 'Uid')).toEqual(ids(65534))
        expect(ofThreads(pid, 'Gid')).toEqual(ids(65534))
        expect(ofThreads(pid, 'Groups')).toEqual(new Set(['']))
        for (const set of ['CapPrm', 'CapEff', 'CapAmb']) {
          expect(ofThreads(pid, set)).toEqual(new Set([NO_CAPABILITIES]))
        }
        await useAndStop(tracker)
      }))

    test.each([
      ['aquatic_udp', EXECUTABLE],
      ['aquatic_ws', WS_EXECUTABLE],
    ])('can get nothing back, in any thread of %s, even by what it starts', (_name, executable) =>
      withTracker(dropping({ executable }), (tracker) => {
        const { pid } = tracker
        expect(ofThreads(pid, 'NoNewPrivs')).toEqual(new Set(['1']))
        expect(ofThreads(pid, 'CapBnd')).toEqual(new Set([NO_CAPABILITIES]))
        expect(ofThreads(pid, 'CapInh', OWN_THREADS)).toEqual(new Set([NO_CAPABILITIES]))
        expect(readFileSync(`/proc/${pid}/comm`, 'utf8')).toBe(`${basename(executable)}\n`)
      }),
    )

    test('without the right to empty the bounding set it starts anyway', () =>
      withTracker(
        dropping({ prefix: ['setpriv', '--bounding-set=-setpcap', '--'] }),
        async (tracker) => {
          expect(ofThreads(tracker.pid, 'NoNewPrivs')).toEqual(new Set(['1']))
          expect(ofThreads(tracker.pid, 'CapPrm')).toEqual(new Set([NO_CAPABILITIES]))
          await useAndStop(tracker)
        },
      ))

    test('takes its settings from a pipe too, and warns once', () =>
      inFolder(async (folder) => {
        const pipe = join(folder, 'pipe')
        Bun.spawnSync(['mkfifo', pipe])
        const { settings = '' } = dropping()
        const more =
          '[limits]\nmax_torrents = 10000\nmax_peers = 100000\n[cleaning]\nmax_peer_age = 800\n'
        const writer = Bun.spawn(['tee', pipe], { stdin: Buffer.from(settings + more) })
        await withTracker({ file: pipe }, async (tracker) => {
          expect(ofThreads(tracker.pid, 'Uid')).toEqual(ids(65534))
          expect(tracker.stderr.match(/warning: /g)).toHaveLength(1)
          await useAndStop(tracker)
        })
        await writer.exited
      }))

    test('has another root directory, in which it serves, counts and stops', () =>
      inFolder((folder) => {
        const privileges = `chroot_path = '${folder}'`
        return withTracker(dropping({ privileges, more: STATISTICS }), async (tracker) => {
          expect(readlinkSync(`/proc/${tracker.pid}/root`)).toBe(folder)
          expect(readlinkSync(`/proc/${tracker.pid}/cwd`)).toBe(folder)
          await tracker.waitForOutput(TWO_STATISTICS)
          await useAndStop(tracker)
        })
      }))

    test('finds a relative chroot_path in its working directory', () =>
      inFolder((folder) => {
        mkdirSync(join(folder, 'jail'))
        const options = dropping({ privileges: "chroot_path = 'jail'", cwd: folder })
        return withTracker(options, (tracker) => {
          expect(readlinkSync(`/proc/${tracker.pid}/root`)).toBe(join(folder, 'jail'))
        })
      }))

    test('is of the group that was set', () =>
      withTracker(dropping({ privileges: "group = 'daemon'" }), ({ pid }) => {
        const group = Number(readFileSync('/etc/group', 'utf8').match(/^daemon:[^:]*:(\d+)/m)?.[1])
        expect(ofThreads(pid, 'Uid')).toEqual(ids(65534))
        expect(ofThreads(pid, 'Gid')).toEqual(ids(group))
      }))

    test('has opened a port for which the user nobody has no right', () =>
      withTracker(
        { ...dropping(), env: { AQUATIC_NETWORK_ADDRESS: '127.0.0.77:1' } },
        async (tracker) => {
          await withClient('127.0.0.1', (client) => client.announce(tracker.at()))
          expect(ofThreads(tracker.pid, 'Uid')).toEqual(ids(65534))
        },
      ))

    test('does not start when the user does not exist', () =>
      expectRefusal(dropping({ privileges: "user = 'no-such-user'" }), "user 'no-such-user'"))

    test('does not start when the group does not exist', () =>
      expectRefusal(dropping({ privileges: "group = 'no-such-group'" }), "group 'no-such-group'"))

    test('does not start when the user is root by any name', () =>
      expectRefusal(dropping({ privileges: "user = 'root'" }), "user 'root' is root itself"))

    test('does not start when the new root directory does not exist', () =>
      expectRefusal(
        dropping({ privileges: "chroot_path = '/nonexistent/jail'" }),
        "chroot_path '/nonexistent/jail'",
        'ENOENT',
      ))
  })

  const canDrop = isRoot && Bun.spawnSync([...NOBODY, 'test', '-x', EXECUTABLE]).exitCode !== 0
  const whyNot = canDrop ? ' (skipped: nobody may not execute files in this checkout)' : ''

  test.skipIf(canDrop)(`a user other than root cannot start with drop_privileges${whyNot}`, () =>
    expectRefusal(dropping({ prefix: isRoot ? NOBODY : [] }), 'drop_privileges = true', 'as root'),
  )

  test.skipIf(canDrop || !isRoot)(
    `a list that only root may read is told as such${needsRoot}`,
    () =>
      inFolder((folder) => {
        const path = join(folder, 'list.txt')
        writeFileSync(path, '', { mode: 0o600 })
        const settings = `[access_list]\nmode = 'deny'\npath = '${path}'\n`
        return expectRefusal(
          { settings, prefix: NOBODY },
          path,
          'may not read the file; change its',
        )
      }),
  )

  test('without drop_privileges the user, group and directory are not looked at', () => {
    const privileges = "[privileges]\nuser = 'no-such-user'\nchroot_path = '/nonexistent'\n"
    return withTracker({ settings: listenOn('0.0.0.0:0') + privileges }, useAndStop)
  })
})
