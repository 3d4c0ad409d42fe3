// One set of counters for a source over UDP and HTTP: run by one-swarm.test.ts in a network namespace, because this
// machine itself is never limited. Prints «good», or fails.
import { deepStrictEqual, match } from 'node:assert/strict'
import { announceTarget, askOnce } from '../support/http-client.ts'
import { announceRequest } from '../support/packets.ts'
import { ALL_EXECUTABLE, type Endpoint, withTracker } from '../support/tracker.ts'
import { withClient } from '../support/udp-client.ts'
import { waitUntil } from '../support/wait.ts'

/** Given to the namespace by the test. */
const HERE = '5.6.7.1'

const settings = (limits: string) =>
  `[udp.network]\naddress = '${HERE}:0'\n[http.network]\naddress = '${HERE}:0'\n[ws]\nenabled = false\n` +
  `[source_limits]\nban_seconds = 0\n${limits}\n`

function endpoints(stderr: string): { udp: Endpoint; http: Endpoint } {
  const [, udp, http] = /UDP: \S+:(\d+) .*HTTP: \S+:(\d+) /.exec(stderr) ?? []
  return { udp: { host: HERE, port: Number(udp) }, http: { host: HERE, port: Number(http) } }
}

/**
 * Requests: what UDP has used up, HTTP has not got any more; and the other way round. Ten at once are allowed, and
 * another one each second: so on a slow machine one may be served in between, but not each time.
 */
async function requests(): Promise<void> {
  const options = { executable: ALL_EXECUTABLE, settings: settings('requests_per_second = 1') }
  await withTracker(options, (tracker) =>
    withClient(HERE, async (client) => {
      const { udp, http } = endpoints(tracker.stderr)
      const id = await client.connect(udp)
      const isServed = async () => (await askOnce(http, announceTarget())).body.includes('complete')
      deepStrictEqual(await isServed(), true)
      await waitUntil('UDP has used up what HTTP may ask for', async () => {
        client.sendMany(
          Array.from({ length: 60 }, () => announceRequest(id)),
          udp,
        )
        await client.connect(udp)
        return !(await isServed())
      })
    }),
  )
  await withTracker(options, (tracker) =>
    withClient(HERE, async (client) => {
      const { udp, http } = endpoints(tracker.stderr)
      const id = await client.connect(udp)
      deepStrictEqual(await client.isSilent(announceRequest(id), udp), false)
      await waitUntil('HTTP has used up what UDP may ask for', async () => {
        for (let i = 0; i < 60; i++) await askOnce(http, announceTarget())
        return client.isSilent(announceRequest(id), udp)
      })
    }),
  )
}

/** Peers of one address in a torrent. */
async function peers(): Promise<void> {
  const options = { executable: ALL_EXECUTABLE, settings: settings('peers_per_torrent = 4') }
  await withTracker(options, (tracker) =>
    withClient(HERE, async (client) => {
      const { udp, http } = endpoints(tracker.stderr)
      for (let port = 1; port <= 3; port++)
        await client.announce(udp, { infoHash: Buffer.alloc(20, 'h'), port })
      for (let port = 4; port <= 9; port++) await askOnce(http, announceTarget({ port }))
      const { body } = await askOnce(http, `/scrape?info_hash=${'h'.repeat(20)}`)
      match(body.toString('latin1'), /10:incompletei4e/)
    }),
  )
}

await requests()
await peers()
console.log('good')
