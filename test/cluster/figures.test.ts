// What an operator sees of a real cluster: that each figure moves when what it counts happens, and how a name in use looks.
import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { metricSum } from '../support/metrics.ts'
import { WHY_NO_NATS, withNats } from '../support/nats-server.ts'
import { withNotifyListener } from '../support/notify-listener.ts'
import { waitUntil } from '../support/wait.ts'
import { Fleet } from './fleet.ts'

setDefaultTimeout(200_000)

async function moves(fleet: Fleet, node: string, metric: string, isRight = (n: number) => n > 0) {
  let last = Number.NaN
  await waitUntil(`${metric} of ${node}`, async () => {
    last = await metricSum(fleet.of(node), `tracker_cluster_${metric}`)
    return isRight(last)
  }).catch((error) => {
    throw new Error(`${error.message}: it is ${last}`)
  })
}

describe.concurrent.skipIf(WHY_NO_NATS !== '')(`with a server${WHY_NO_NATS}`, () => {
  test('every figure moves when what it counts happens', () =>
    withNats('', (server) =>
      Fleet.with(async (fleet) => {
        const servers = server.address
        await fleet.startAll(['a', 'b'], { servers })
        const peer = await fleet.join('a', 0, false)
        await fleet.seen('b', peer)
        await fleet.complete(peer)
        await moves(fleet, 'b', 'applied_records_total{result="completed"}')
        await fleet.leave(await fleet.join('a', 0))
        for (const metric of [
          ...['connected ', 'joined ', 'apply_seconds_total', 'received_bytes_total'],
          ...['applied_records_total{result="joined"}', 'applied_records_total{result="changed"}'],
          ...['applied_records_total{result="left"}', 'records_total{direction="in"}'],
          ...['batches_total{direction="in"}', 'node_records_total{node="a"}', 'node_up{node="a"}'],
          ...['node_lag_seconds{node="a"}', 'node_silence_seconds{node="a"}'],
          'catch_ups_total{part="asked"}',
        ]) {
          await moves(fleet, 'b', metric)
        }
        for (const direction of [
          'records_total{direction="out"}',
          'batches_total{direction="out"}',
        ])
          await moves(fleet, 'a', direction)
        const answered = await Promise.all(
          ['a', 'b'].map((name) =>
            metricSum(fleet.of(name), 'tracker_cluster_catch_ups_total{part="answered"}'),
          ),
        )
        expect(Math.max(...answered)).toBeGreaterThan(0)
        // A gap, which the other node fills.
        await server.kill()
        await moves(fleet, 'a', 'connected ', (n) => n === 0)
        await fleet.join('a', 0)
        await moves(fleet, 'a', 'unsent_batches_total')
        await server.run()
        for (const metric of ['node_gaps_total{node="a"}', 'batches_total{direction="in"}'])
          await moves(fleet, 'b', metric)
        await moves(fleet, 'a', 'batches_total{direction="out_again"}')
        await moves(fleet, 'b', 'node_missing_batches{node="a"}', (n) => n === 0)
        // One that is gone.
        fleet.of('a').signal('SIGKILL')
        await moves(fleet, 'b', 'node_up{node="a"}', (n) => n === 0)
        await moves(fleet, 'b', 'node_silence_seconds{node="a"}', (n) => n > 4)
      }),
    ))

  test('a name in use: log, page, /stats.json, /health, metrics and service manager say so, until it is free', () =>
    withNats('', (server) =>
      Fleet.with((fleet) =>
        withNotifyListener(async (listener) => {
          const servers = server.address
          await fleet.startAll(['a', 'b'], { servers })
          const first = fleet.of('b')
          fleet.nodes.delete('b')
          const env = { NOTIFY_SOCKET: listener.address }
          await fleet.start('b', { servers, start: { env } })
          try {
            await showsThatItsNameIsInUse(fleet)
            await listener.waitFor('STATUS=bad: Another node has the name of this one')
            first.signal('SIGTERM')
            await first.waitForEnd()
            await fleet.joined('b')
            await moves(fleet, 'b', 'joined ')
            await listener.waitFor('STATUS=listening on')
          } finally {
            await first.discard()
          }
        }),
      ),
    ))
})

async function showsThatItsNameIsInUse(fleet: Fleet): Promise<void> {
  const says = 'Another node has the name of this one'
  await fleet.logs('b', /error cluster: another node has the name b: this one shares nothing/)
  const url = await fleet.of('b').operationsUrl()
  const read = async (path: string) => (await fetch(`${url}${path}`)).text()
  await waitUntil('it is a trouble', async () => (await read('health')).includes(`bad: ${says}`))
  for (const path of ['', 'stats.json']) expect(await read(path)).toContain(says)
  expect(await read('metrics')).toMatch(/^tracker_trouble\{trouble="cluster"\} 2$/m)
  await moves(fleet, 'b', 'joined ', (n) => n === 0)
  // It serves its clients all the same.
  expect((await fetch(`${url}ready`)).status).toBe(200)
}
