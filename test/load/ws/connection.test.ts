import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { SmallTracker } from './small-tracker.ts'

const CONNECTION = join(import.meta.dir, '../../../load/ws/connection.ts')
const FRAMES = join(import.meta.dir, '../../../load/ws/frames.ts')

/** A client with a bug in what it does with a message. */
const program = (port: number) => `
import { Connection } from '${CONNECTION}'
import { Outgoing } from '${FRAMES}'
const outgoing = new Outgoing(4096)
const target = { hostname: '127.0.0.1', port: ${port}, tls: false, path: '/', localAddress: '' }
const connection = new Connection(target, outgoing, {
  opened: () => {
    outgoing.addText('{"action":"scrape","info_hash":[]}')
    connection.flush()
  },
  message: () => { throw new Error('a bug of the client') },
  settled: () => {},
  closed: (why) => console.log('closed: ' + why),
})
connection.connect()
`

test('an error in a client ends the program, and does not count as a closed connection', async () => {
  const tracker = new SmallTracker(null)
  const child = Bun.spawn([process.execPath, '-e', program(tracker.server.port ?? 0)], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  })
  expect(await child.exited).toBe(1)
  expect(await new Response(child.stderr).text()).toContain('a bug of the client')
  expect(await new Response(child.stdout).text()).not.toContain('closed: a bug')
  await tracker.stop()
}, 180_000)
