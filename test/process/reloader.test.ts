// The page shows the settings in force after SIGHUP, and beside them what waits for a restart.
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { newFolder, removeFolder } from '../support/folder.ts'
import { listenOn, type Tracker, WS_EXECUTABLE, withTracker } from '../support/tracker.ts'
import { waitUntil } from '../support/wait.ts'

setDefaultTimeout(180_000)

let folder = ''
let file = ''
beforeEach(() => {
  folder = newFolder()
  file = join(folder, 'settings.toml')
})
afterEach(() => removeFolder(folder))

const OPERATIONS = "[operations]\naddress = '127.0.0.1:0'\n"

function write(before: string, limits: string, after = ''): void {
  const network = listenOn('127.0.0.1:0')
  writeFileSync(
    file,
    `${before}${network}${after}${OPERATIONS}[limits]\nmax_peers = 1000\n${limits}`,
  )
}

/** The lines of the settings on the page. */
async function settingsOf(tracker: Tracker): Promise<string[]> {
  const page = await (await fetch(await tracker.operationsUrl())).text()
  return (page.match(/<pre>(.*?)<\/pre>/s)?.[1] ?? '').split('\n')
}

test('a setting that changes at once is logged with its new value, what needs a restart as it was', () => {
  write('socket_workers = 1\n', 'max_torrents = 500\n', 'poll_event_capacity = 100\n')
  return withTracker({ file }, async (tracker) => {
    const before = await settingsOf(tracker)
    expect(before).toContain(`socket_workers = 1 # from ${file}:1`)
    expect(before).toContain('request_workers = 0')
    // The limit is above the value of the start: only a lower one can be put in force.
    write(
      'request_workers = 2\nsocket_workers = 3\n',
      'max_torrents = 600\n[protocol]\nmax_response_peers = 9\n',
    )
    tracker.signal('SIGHUP')
    await tracker.waitForOutput(/settings that need a restart: .*\n/)
    const after = await settingsOf(tracker)
    expect(after).toContain(`socket_workers = 1 # needs a restart to be 3, from ${file}:2`)
    expect(after).toContain(`request_workers = 0 # needs a restart to be 2, from ${file}:1`)
    expect(after).toContain('poll_event_capacity = 100 # needs a restart to be 4096, the default')
    expect(after.join('\n')).toMatch(/\nmax_torrents = 500 # needs a restart to be 600, from \S+\n/)
    expect(after.join('\n')).toMatch(/\nmax_response_peers = 9 # from \S+\n/)
    write('socket_workers = 1\n', 'max_torrents = 500\n', 'poll_event_capacity = 100\n')
    tracker.signal('SIGHUP')
    await tracker.waitForOutput(/settings changed: \[protocol\] max_response_peers = 255 .*\n/)
    expect(await settingsOf(tracker)).toEqual(before)
  })
})

test('secrets that wait for a restart are not shown, neither the old nor the new one', () => {
  const password = (text: string) => (text === '' ? '' : `tls_pkcs12_password = '${text}'\n`)
  write('', '', password('hunter1'))
  return withTracker({ executable: WS_EXECUTABLE, file }, async (tracker) => {
    for (const next of ['hunter2', '', 'hunter1']) {
      const before = tracker.stderr.length
      write('', '', password(next))
      tracker.signal('SIGHUP')
      // The line of this signal, not of an earlier one.
      await waitUntil('the settings have been read', () => {
        return /settings (that need|read again)[^\n]*\n/.test(tracker.stderr.slice(before))
      })
      const settings = (await settingsOf(tracker)).join('\n')
      expect(settings).not.toContain('hunter')
      expect(settings).toContain('# tls_pkcs12_password is secret: ')
    }
  })
})

test('many signals cause few readings, the last of which sees what was written before it', () => {
  write('', 'max_torrents = 500\n')
  return withTracker({ file }, async (tracker) => {
    const began = performance.now()
    let sent = 0
    await waitUntil('a hundred signals were sent', () => {
      for (let i = 0; i < 20; i++) tracker.signal('SIGHUP')
      sent += 20
      return sent >= 100
    })
    write('', 'max_torrents = 500\n[protocol]\nmax_response_peers = 9\n')
    tracker.signal('SIGHUP')
    await tracker.waitForOutput(/settings changed: \[protocol\] max_response_peers = 9 .*\n/)
    const readings = tracker.stderr.match(/settings (read again|changed): /g) ?? []
    // Not more than one in a tenth of a second.
    expect(readings.length).toBeLessThan((performance.now() - began) / 100 + 2)
  })
})
