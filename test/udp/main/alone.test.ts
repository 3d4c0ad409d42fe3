// When request workers may use their tables without locks: only where nobody else touches those.
import { expect, test } from 'bun:test'
import { defaultsOf } from '../../../src/config/schema.ts'
import { UDP_KINDS } from '../../../src/swarm/layout.ts'
import { createSwarmMemory } from '../../../src/swarm/memory.ts'
import { udpProtocol } from '../../../src/udp/main/main.ts'
import { udpSettings } from '../../../src/udp/settings/config.ts'

const TELL = { info: () => {}, warn: () => {} }

/** What request workers are told, in a process like that. */
async function areAlone(walksThroughSwarms: boolean, sharesSwarms: boolean): Promise<unknown[]> {
  const defaults = defaultsOf(udpSettings.schema)
  const network = { ...defaults.network, address: '127.0.0.1:0', address_ipv6: '' }
  const config = { ...defaults, network, request_workers: 2 }
  const started: Record<string, unknown>[] = []
  const process = {
    swarms: createSwarmMemory({ maxTorrents: 9, maxPeers: 9, workers: 2, kinds: UDP_KINDS }),
    walksThroughSwarms,
    takesOver: false,
    accessList: () => null,
    accessKeys: () => null,
    clientLists: () => ({}),
    newBanWriter: () => null,
    newNotes: () => null,
    newWorkers: () => ({
      start: (data: Record<string, unknown>, _: unknown, done = () => {}) => {
        started.push(data)
        // It uses its sockets no more.
        done()
        return Promise.resolve()
      },
    }),
  }
  const place = {
    title: '',
    name: '',
    sharesSwarms,
    tendsSwarms: true,
    isFirst: true,
    possibleConnections: 0,
    tell: TELL,
  }
  const protocol = udpProtocol.prepare(config, TELL).open(process as never, place)
  await protocol.startWorkers()
  return started.filter(({ role }) => role === 'request').map(({ alone }) => alone)
}

test('request workers lock their tables where the process walks through them, or another protocol answers', async () => {
  expect(await areAlone(false, false)).toEqual([true, true])
  expect(await areAlone(true, false)).toEqual([false, false])
  expect(await areAlone(false, true)).toEqual([false, false])
})
