// What --check says about a machine is what the start says on it: both refuse the same.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { chmodSync, chownSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inFolder } from '../support/folder.ts'
import {
  EXECUTABLE,
  HTTP_EXECUTABLE,
  listenOn,
  runTracker,
  type StartOptions,
  WS_EXECUTABLE,
  withTracker,
} from '../support/tracker.ts'

setDefaultTimeout(180_000)

const isRoot = process.getuid?.() === 0
const needsRoot = isRoot ? '' : ' (skipped: this needs root)'
const NOBODY = 65534
const AS_NOBODY = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--']

const HERE = listenOn('127.0.0.1:0')
const dropping = (more: string) => `${HERE}[privileges]\ndrop_privileges = true\n${more}\n`
const keeping = (path: string) => `[persistence]\npath = '${path}'\n`

function check(settings: string, more: StartOptions = {}) {
  const executable = [more.executable ?? EXECUTABLE, '--check'].flat()
  return runTracker({ ...more, settings, executable })
}

/** Both end with code 1, and have all of `parts` in common. */
async function expectRefusal(settings: string, parts: string[], more: StartOptions = {}) {
  const checked = await check(settings, more)
  const started = await runTracker({ ...more, settings })
  for (const { code, stderr } of [checked, started]) {
    for (const part of parts) expect(stderr).toContain(part)
    expect(code).toBe(1)
  }
}

async function expectStart(settings: string, more: StartOptions = {}): Promise<void> {
  expect(await check(settings, more)).toMatchObject({ code: 0, stderr: '' })
  await withTracker({ ...more, settings }, () => {})
}

describe.each([
  ['aquatic_udp', EXECUTABLE],
  ['aquatic_http', HTTP_EXECUTABLE],
  ['aquatic_ws', WS_EXECUTABLE],
])('%s', (_name, executable) => {
  const more = { executable }

  test.skipIf(!isRoot)(`refuses a user that it could not become${needsRoot}`, async () => {
    await expectRefusal(dropping("user = 'no-such-user'"), ["user 'no-such-user' does not"], more)
    await expectRefusal(dropping("group = 'no-such-group'"), ["group 'no-such-group'"], more)
    await expectRefusal(dropping("user = 'root'"), ["user 'root' is root itself"], more)
  })

  test.skipIf(!isRoot)(
    `refuses a root directory that is none, without guessing why${needsRoot}`,
    () =>
      inFolder(async (folder) => {
        const file = join(folder, 'file')
        writeFileSync(file, '')
        const missing = [
          "chroot_path '/nonexistent/jail' does not exist (ENOENT): make that folder",
        ]
        const settings = dropping("chroot_path = '/nonexistent/jail'")
        await expectRefusal(settings, missing, more)
        expect((await runTracker({ ...more, settings })).stderr).not.toContain('as root')
        await expectRefusal(
          dropping(`chroot_path = '${file}'`),
          ['is not a folder: name one'],
          more,
        )
        const { stderr } = await check(
          dropping("chroot_path = '/nonexistent'\nuser = 'nobodyy'"),
          more,
        )
        expect(stderr).toContain('2 mistakes')
      }),
  )

  test('refuses an address that is not of this machine', () =>
    expectRefusal(listenOn('203.0.113.77:0'), ['203.0.113.77:0: the address is not one of'], more))

  test('refuses an address of the operations endpoint that is not of this machine', () =>
    expectRefusal(
      `${HERE}[operations]\naddress = '203.0.113.77:0'\n`,
      ['203.0.113.77:0 ([operations] address): the address is not one of'],
      more,
    ))

  test('refuses a persistence folder that is a file, below one, or a link to nothing', () =>
    inFolder(async (folder) => {
      const file = join(folder, 'file')
      writeFileSync(file, '')
      const link = join(folder, 'link')
      symlinkSync(join(folder, 'nowhere'), link)
      for (const path of [file, join(file, 'below'), link]) {
        await expectRefusal(HERE + keeping(path), [`folder [persistence] path '${path}': `], more)
      }
    }))

  test('takes a folder that the start can make, and leaves that to the start', () =>
    inFolder(async (folder) => {
      const path = join(folder, 'to', 'be', 'made')
      expect((await check(HERE + keeping(path), more)).code).toBe(0)
      expect(existsSync(join(folder, 'to'))).toBe(false)
      await expectStart(HERE + keeping(path), more)
    }))

  test('takes the ports of a tracker that serves meanwhile', () =>
    withTracker({ ...more, settings: HERE }, async (tracker) => {
      expect(await check(listenOn(tracker.address()), more)).toMatchObject({ code: 0, stderr: '' })
    }))
})

describe.skipIf(!isRoot)(`with drop_privileges${needsRoot}`, () => {
  /** A root directory with a folder in it. */
  function inJail(use: (jail: string, data: string, settings: string) => Promise<void>) {
    return inFolder((folder) => {
      const jail = join(folder, 'jail')
      const data = join(jail, 'data')
      mkdirSync(data, { recursive: true })
      return use(jail, data, dropping(`chroot_path = '${jail}'`))
    })
  }

  test('a folder of the other user is taken, wherever the root directory lies', () =>
    inJail(async (jail, data, settings) => {
      chownSync(data, NOBODY, NOBODY)
      chmodSync(join(jail, '..'), 0o700)
      await expectStart(settings + keeping(data))
      await expectStart(settings + keeping(join(data, '..', 'made')))
      await expectStart(settings + keeping(join(data, '..', 'to', 'be', 'made')))
    }))

  test('a folder that only root may write to, or reach, is refused', () =>
    inJail(async (jail, data, settings) => {
      const words = (path: string) => [`cannot write to the folder [persistence] path '${path}': `]
      await expectRefusal(settings + keeping(data), words(data))
      chownSync(data, NOBODY, NOBODY)
      chmodSync(jail, 0o700)
      await expectRefusal(settings + keeping(data), words(data))
      const deep = join(data, 'below')
      chownSync(data, 0, 0)
      chmodSync(jail, 0o755)
      chmodSync(data, 0o700)
      await expectRefusal(settings + keeping(deep), words(deep))
    }))

  test('an export that could not be written is a warning, since startup continues', () =>
    inJail(async (_jail, data, settings) => {
      const exporting = (path: string) => `${settings}[scrape_export]\npath = '${path}'\n`
      for (const path of [join(data, 'counts'), join(data, 'none', 'counts'), data]) {
        const { code, stderr } = await check(exporting(path))
        expect([code, stderr]).toEqual([
          0,
          expect.stringContaining(`warning: [scrape_export] path`),
        ])
        await withTracker({ settings: exporting(path) }, () => {})
      }
      chownSync(data, NOBODY, NOBODY)
      await expectStart(exporting(join(data, 'counts')))
    }))
})

const canRead = isRoot && Bun.spawnSync([...AS_NOBODY, 'test', '-x', EXECUTABLE]).exitCode === 0

test.skipIf(!canRead)(
  'who is not root is told what the start needs, and no mistake is made of it',
  () =>
    inFolder(async (folder) => {
      const path = join(folder, 'settings.toml')
      writeFileSync(path, `${listenOn('127.0.0.1:1')}[privileges]\ndrop_privileges = true\n`)
      chmodSync(folder, 0o755)
      const { code, stderr } = await check('', { file: path, prefix: AS_NOBODY })
      expect(code).toBe(0)
      expect(stderr).toMatch(/warning: cannot drop privileges .* needs a start as root/)
      expect(stderr).toContain('warning: cannot listen on 127.0.0.1:1: no permission (EACCES)')
    }),
)

test('more pairs of workers than there can be channels for are a mistake in the settings', () =>
  expectRefusal(`socket_workers = 256\nrequest_workers = 256\n${HERE}`, [
    'tracker.toml:2: socket_workers = 256 and request_workers = 256 make more than 2048 pairs',
  ]))
