// The cluster's thread in a tracker's process: what its account is refused, a fault in it.
import { describe, expect, test } from 'bun:test'
import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { inFolder } from '../support/folder.ts'
import { WHY_NO_NATS, withNats } from '../support/nats-server.ts'
import { EXECUTABLE, servedOn, Tracker, withTracker } from '../support/tracker.ts'
import { waitUntil } from '../support/wait.ts'

const GREETING = 'INFO {"server_id":"X","version":"2.9.0","proto":1,"max_payload":1048576}\r\n'

function settingsOf(server: string, more = ''): string {
  return `log_level = 'info'
${servedOn(EXECUTABLE, '127.0.0.1:0')}
[cluster]
servers = '${server}'
node = 'a'
${more}
[operations]
address = '127.0.0.1:0'
`
}

describe.skipIf(WHY_NO_NATS !== '')(`with a server${WHY_NO_NATS}`, () => {
  const permissions = 'permissions = { publish = "nothing", subscribe = ["aquatic.>", "_INBOX.>"] }'
  const account = `authorization { users = [ { user: a, password: x, ${permissions} } ] }`

  test('an account that may not publish: logged once, a trouble with its remedy, a figure', () =>
    withNats(account, (server) =>
      inFolder(async (folder) => {
        const path = join(folder, 'password')
        writeFileSync(path, 'x\n', { mode: 0o600 })
        const more = `credentials = 'password'\nuser = 'a'\ncredentials_path = '${path}'`
        await withTracker({ settings: settingsOf(server.address, more) }, async (tracker) => {
          await tracker.waitForOutput(
            /refuses what this node needs: .*Publish to "aquatic\.log\.a"/i,
          )
          const url = await tracker.operationsUrl()
          const read = async (name: string) => (await fetch(`${url}${name}`)).text()
          await waitUntil('the trouble is found', async () =>
            (await read('stats.json')).includes('permissions in docs/cluster.md'),
          )
          await waitUntil('it is a figure too', async () =>
            /^tracker_cluster_refusals [1-9]/m.test(await read('metrics')),
          )
          // A beat is refused each second: that it is not logged again shows when one has been refused once more.
          await server.waitForLog(/(Publish Violation[\s\S]*){3}/)
          expect(tracker.stderr.match(/refuses what this node needs/g)).toHaveLength(1)
        })
      }),
    ))
})

test('nothing of what a server sends is printed as it is', async () => {
  let connections = 0
  const lies = [
    '\u001b[31mred\r\n',
    `${GREETING}PONG\r\n-ERR '\u001b]0;title\u0007 and so on'\r\n`,
    `${GREETING}PONG\r\nMSG \u001b[1m 1 x\r\n`,
    `${GREETING}PONG\r\nINFO {"\u001b[1m"\r\n`,
  ]
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.resume()
    socket.end(lies[connections++ % lies.length])
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const tracker = new Tracker({ settings: settingsOf(`127.0.0.1:${port}`) })
  try {
    await tracker.waitForStart()
    await waitUntil('each lie is told', () => connections > lies.length)
    tracker.signal('SIGTERM')
    const { code, stderr } = await tracker.waitForEnd()
    expect(code).toBe(0)
    expect(stderr).toMatch(/no connection: the server sent what is not the protocol of NATS/)
    const stdout = await tracker.stdout()
    expect(`${stderr}${stdout}`).not.toMatch(/[^\n\x20-\x7e\u2013\u2026]/)
    expect(stdout).toBe('')
  } finally {
    await tracker.discard()
    server.close()
  }
}, 90_000)

test('a first connection that fails is told of at once, with what to do', async () => {
  const tracker = new Tracker({ settings: settingsOf('127.0.0.1:1') })
  try {
    await tracker.waitForOutput(
      /warn +cluster: no connection: connection refused \(127\.0\.0\.1:1\)\. Check that the server runs and can be reached, and \[cluster\] servers\n/,
    )
  } finally {
    await tracker.discard()
  }
}, 90_000)

test('a fault in the thread ends the process, and says whose it was', async () => {
  const env = { _AQUATIC_TEST_FAULT: 'cluster' }
  // It may end before it serves.
  const tracker = new Tracker({ settings: settingsOf('127.0.0.1:1'), env })
  try {
    const { code, stderr } = await tracker.waitForEnd()
    expect(code).toBe(1)
    expect(stderr).toContain('cluster worker 1 failed, so the tracker ends')
    expect(stderr).toContain('a fault that a test asked for')
  } finally {
    await tracker.discard()
  }
})
