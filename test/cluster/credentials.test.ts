// Credentials of a tracker in a cluster while it runs: replaced, taken away, given back, and out of reach.
import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inFolder } from '../support/folder.ts'
import { type NatsServer, WHY_NO_NATS, withNats } from '../support/nats-server.ts'
import { EXECUTABLE, servedOn, type Tracker, withTracker } from '../support/tracker.ts'
import { waitUntil } from '../support/wait.ts'

const isRoot = process.getuid?.() === 0
const needsRoot = isRoot ? '' : ' (skipped: needs root)'

const accounts = (password: string) =>
  `authorization { users = [ { user: other, password: z }, { user: a, password: "${password}" } ] }`
const NO_ACCOUNT = 'authorization { users = [ { user: other, password: z } ] }'

function settingsOf(server: NatsServer, path: string, more = ''): string {
  return `${servedOn(EXECUTABLE, '127.0.0.1:0')}
[cluster]
servers = '${server.address}'
node = 'a'
credentials = 'password'
user = 'a'
credentials_path = '${path}'
[operations]
address = '127.0.0.1:0'
${more}
`
}

/** How often it has logged something. */
const times = (tracker: Tracker, pattern: RegExp) => tracker.stderr.match(pattern)?.length ?? 0

/** The server has other settings from now on, after a moment in which there was none. */
async function restart(server: NatsServer, settings: string): Promise<void> {
  await server.kill()
  await server.run(settings)
}

async function connectsAgain(tracker: Tracker, since: number): Promise<void> {
  await waitUntil('it is connected again', () => times(tracker, /cluster: connected/g) > since)
}

describe.skipIf(WHY_NO_NATS !== '')(`with a server${WHY_NO_NATS}`, () => {
  test('a new password is noticed in its file; one that cannot be read changes nothing', () =>
    withNats(accounts('first'), (server) =>
      inFolder(async (folder) => {
        const path = join(folder, 'password')
        writeFileSync(path, 'first\n')
        await withTracker({ settings: settingsOf(server, path) }, async (tracker) => {
          await tracker.waitForOutput(/joined as a/)
          const connections = times(tracker, /cluster: connected/g)
          await restart(server, accounts('second'))
          await tracker.waitForOutput(
            /no connection.*: .*Authorization Violation.*\. Check \[cluster\] credentials, user and credentials_path/,
          )
          writeFileSync(path, 'second\n')
          await tracker.waitForOutput(/credentials and certificates were read again \(changed\)/)
          await connectsAgain(tracker, connections)
          writeFileSync(path, '\n')
          tracker.signal('SIGUSR1')
          await tracker.waitForOutput(
            /credentials_path '[^']+' has no password in its first line \(SIGUSR1\); what was read before stays in force/,
          )
          const connectionsThen = times(tracker, /cluster: connected/g)
          await restart(server, accounts('second'))
          await connectsAgain(tracker, connectionsThen)
          expect(tracker.stderr).not.toContain('second')
        })
      }),
    ))

  test('an account that is taken away by a reload of the server is cut off, and may come back', () =>
    withNats(accounts('x'), (server) =>
      inFolder(async (folder) => {
        const path = join(folder, 'password')
        writeFileSync(path, 'x\n')
        await withTracker({ settings: settingsOf(server, path) }, async (tracker) => {
          await tracker.waitForOutput(/joined as a/)
          const connections = times(tracker, /cluster: connected/g)
          await server.reload(NO_ACCOUNT)
          await tracker.waitForOutput(/no connection: /)
          await server.waitForLog(/authentication error/)
          expect(times(tracker, /cluster: connected/g)).toBe(connections)
          await server.reload(accounts('x'))
          await connectsAgain(tracker, connections)
        })
      }),
    ))

  test.skipIf(!isRoot)(
    `read before rights are given up, and again below the new root directory${needsRoot}`,
    () =>
      withNats(accounts('first'), (server) =>
        inFolder(async (folder) => {
          const path = join(folder, 'password')
          writeFileSync(path, 'first\n')
          const more = `[privileges]\ndrop_privileges = true\nchroot_path = '${folder}'\n`
          await withTracker({ settings: settingsOf(server, path, more) }, async (tracker) => {
            await tracker.waitForOutput(/joined as a/)
            const connections = times(tracker, /cluster: connected/g)
            await restart(server, accounts('second'))
            writeFileSync(path, 'second\n')
            tracker.signal('SIGUSR1')
            await connectsAgain(tracker, connections)
            await tracker.waitForOutput(/credentials and certificates were read again/)
          })
        }),
      ),
  )

  test.skipIf(!isRoot)(
    `a secret of root's outside of the new root directory serves until the end${needsRoot}`,
    () =>
      withNats(accounts('x'), (server) =>
        inFolder((outside) =>
          inFolder(async (folder) => {
            const path = join(outside, 'password')
            writeFileSync(path, 'x\n', { mode: 0o600 })
            const more = `[privileges]\ndrop_privileges = true\nchroot_path = '${folder}'\n`
            await withTracker({ settings: settingsOf(server, path, more) }, async (tracker) => {
              await tracker.waitForOutput(/joined as a/)
              tracker.signal('SIGUSR1')
              await tracker.waitForOutput(
                /the files that \[cluster\] names are not below \[privileges\] chroot_path, so they cannot be read again/,
              )
              const connections = times(tracker, /cluster: connected/g)
              await restart(server, accounts('x'))
              await connectsAgain(tracker, connections)
            })
          }),
        ),
      ),
  )
})
