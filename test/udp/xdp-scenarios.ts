// Scenarios that xdp.test.ts runs in a network namespace: what a tracker past the kernel takes from its card, and what
// it leaves.
import { deepStrictEqual, match, ok } from 'node:assert/strict'
import {
  announceRequest,
  connectRequest,
  infoHash,
  readConnect,
  readScrape,
  scrapeRequest,
} from '../support/packets.ts'
import { runTracker, withTracker } from '../support/tracker.ts'
import {
  CARD,
  HERE,
  OWN_CARD,
  RAW_PORTS,
  run,
  THERE,
  type TwoNetworks,
} from '../support/two-networks.ts'
import { type UdpClient, withClient } from '../support/udp-client.ts'
import { byXdp, meets, metric, metricReaches, PORT, runScenario, settings } from './xdp-lab.ts'

async function serves(networks: TwoNetworks): Promise<void> {
  for (const mode of ['native', 'generic', 'auto']) {
    const is = mode === 'auto' ? 'native' : mode
    await withTracker(settings(networks, { mode }), async (tracker) => {
      match(tracker.stderr, new RegExp(`\\(1 socket worker, ${CARD} by XDP \\(${is}\\)\\)`))
      await byXdp(8)
      ok(networks.isAttached())
      tracker.signal('SIGTERM')
      deepStrictEqual((await tracker.waitForEnd()).code, 0)
      ok(!networks.isAttached(), 'nothing stays attached')
    })
  }
}

/** What the program leaves to the kernel, on the same card. */
async function passes(networks: TwoNetworks): Promise<void> {
  const raw = networks.openLink()
  await withTracker(settings(networks), async () => {
    await byXdp(8)
    // The kernel puts fragments together, and the ordinary socket is still there.
    await withClient(HERE.ipv4, async (client) => {
      const to = { host: THERE.ipv4, port: PORT }
      const hashes = Array.from({ length: 255 }, (_, i) => infoHash(i))
      const request = scrapeRequest(await client.connect(to), hashes)
      const { entries } = readScrape((await client.request(request, to)).packet)
      deepStrictEqual(entries.length, 103)
    })
    await metricReaches('xdp_passed_total{what="forms"}', 4)
    // IP options too.
    const from = { host: HERE.ipv4, port: RAW_PORTS.from + 5 }
    const to = { host: THERE.ipv4, port: PORT }
    raw.send({ from, to, payload: connectRequest(77), options: Uint8Array.of(1, 1, 1, 0) })
    const got = await raw.answer(from.port, true)
    deepStrictEqual(readConnect(Buffer.from(got.payload)).transaction, 77)
    // Other ports and addresses: nobody listens there, so the kernel says.
    const others = await metric('xdp_passed_total{what="others"}')
    const packets = await metric('xdp_packets_total')
    for (let i = 0; i < 100; i++) {
      const payload = connectRequest(78)
      raw.send({ from, to: { ...to, port: PORT + 1 }, payload })
      raw.send({ from, to: { ...to, host: '10.9.0.9' }, payload })
      raw.send({ from, to, payload }, (frame) => {
        // In a VLAN.
        const tag = Uint8Array.of(0x81, 0, 0, 5)
        return Buffer.concat([frame.subarray(0, 12), tag, frame.subarray(12)])
      })
      raw.send({ from, to, payload }, (frame) => {
        // To another Ethernet address, and to all of them.
        frame[5] ^= 1
        return frame
      })
      raw.send({ from, to, payload }, (frame) => frame.fill(0xff, 0, 6))
    }
    await metricReaches('xdp_passed_total{what="others"}', others + 500)
    ok((await metric('xdp_packets_total')) < packets + 100)
    // Neighbours are still found.
    networks.there(`ip neigh flush dev ${CARD}`)
    run(`ip neigh flush all`)
    await meets()
  })
  raw.close()
}

/** Frames that are no good packets, each followed by a good one. */
async function badFrames(networks: TwoNetworks): Promise<void> {
  const raw = networks.openLink()
  await withTracker(settings(networks), async () => {
    let port = RAW_PORTS.from
    for (const [from, to, head] of [
      [HERE.ipv4, THERE.ipv4, 20],
      [HERE.ipv6, THERE.ipv6, 40],
    ] as const) {
      const good = async () => {
        port++
        const payload = connectRequest(port)
        raw.send({ from: { host: from, port }, to: { host: to, port: PORT }, payload })
        const got = await raw.answer(port)
        deepStrictEqual(got.from, { host: to, port: PORT })
        deepStrictEqual(readConnect(Buffer.from(got.payload)).transaction, port)
      }
      await good()
      const fields = {
        from: { host: from, port: RAW_PORTS.to },
        to: { host: to, port: PORT },
        payload: connectRequest(1),
      }
      const lie = (at: number, value: number) => ({
        ...fields,
        change: (ip: Buffer) => void ip.writeUInt16BE(value, at),
      })
      // Lengths: of UDP, of IP, of the frame.
      for (const value of [0, 7, 200, 65535]) raw.send(lie(head + 4, value))
      raw.send(lie(head === 20 ? 2 : 4, 1400))
      const whole = 14 + head + 8 + 16
      for (let length = 14; length < whole; length++) {
        raw.send(fields, (frame) => frame.subarray(0, length))
      }
      await good()
      raw.send({ ...fields, checksum: 0x1234 })
      raw.send(fields, (frame) => {
        frame[frame.length - 1] ^= 1
        return frame
      })
      if (head === 20) {
        raw.send(fields, (frame) => {
          frame[24] ^= 1
          return frame
        })
      }
      await good()
      raw.send({ ...fields, from: { host: head === 20 ? '127.0.0.1' : '::1', port: 5 } })
      raw.send({ ...fields, from: { host: to, port: PORT } })
      // No address to answer to.
      raw.send({ ...fields, from: { host: from, port: 0 } })
      await good()
    }
    await metricReaches('xdp_refused_total{reason="checksum"}', 5)
    await metricReaches('xdp_refused_total{reason="length"}', 10)
    await metricReaches('xdp_refused_total{reason="source"}', 4)
    await metricReaches('rejected_total{reason="source_port"', 2)
    // Nothing was answered but the good ones.
    await metricReaches('responses_total', 8)
    deepStrictEqual(await metric('responses_total'), 8)
  })
  raw.close()
}

/** Both paths answer the same requests with the same frames, but for what must differ. */
async function sameFrames(networks: TwoNetworks): Promise<void> {
  const captured: string[][] = []
  for (const path of ['sockets', 'xdp']) {
    const raw = networks.openLink()
    const frames: string[] = []
    await withTracker(settings(networks, { path }), async () => {
      await meets()
      let port = RAW_PORTS.from
      for (const [from, to] of [
        [HERE.ipv4, THERE.ipv4],
        [HERE.ipv6, THERE.ipv6],
      ]) {
        const ask = async (payload: Buffer) => {
          port++
          raw.send({ from: { host: from, port }, to: { host: to, port: PORT }, payload })
          return raw.answer(port, path === 'sockets')
        }
        const { connectionId } = readConnect(Buffer.from((await ask(connectRequest(5))).payload))
        const requests = [
          ...[1, 2, 3, 4].map((n) => announceRequest(connectionId, { port: n, transaction: n })),
          announceRequest(connectionId, { port: 0, transaction: 9 }),
          scrapeRequest(connectionId, [infoHash(1), infoHash(2)], 10),
        ]
        for (const request of requests) {
          const { id: _, payload, macs, ...rest } = await ask(request)
          const shown = { ...rest, payload: Buffer.from(payload).toString('hex') }
          frames.push(
            JSON.stringify({ ...shown, macs: macs.map((mac) => Buffer.from(mac).toString('hex')) }),
          )
        }
      }
      if (path === 'xdp') await metricReaches('xdp_packets_total', 20)
    })
    raw.close()
    captured.push(frames)
  }
  deepStrictEqual(captured[1], captured[0])
  deepStrictEqual(captured[0].length, 12)
}

/** What is for others, at full speed, does not keep requests away. */
async function flood(networks: TwoNetworks): Promise<void> {
  const raw = networks.openLink()
  await withTracker(settings(networks), async () => {
    await meets()
    const from = { host: HERE.ipv4, port: RAW_PORTS.from }
    const payload = Buffer.alloc(200)
    const frame = raw.send({ from, to: { host: THERE.ipv4, port: 4000 }, payload })
    const before = await metric('xdp_passed_total{what="others"}')
    let sent = 0
    for (let asked = 0; asked < 5; asked++) {
      for (const end = sent + 20_000; sent < end; ) {
        if (raw.sendFrame(frame)) sent++
        else raw.flush()
      }
      raw.flush()
      raw.take()
      await meets()
    }
    await metricReaches('xdp_passed_total{what="others"}', before + sent / 2)
  })
  raw.close()
}

/** Requests from somebody who reads no answers: they are lost, and then all goes on. */
async function deafClient(networks: TwoNetworks): Promise<void> {
  const raw = networks.openLink()
  await withTracker(
    settings(networks, { more: '[source_limits]\nconnects_per_second = 0\n' }),
    async () => {
      await meets()
      const from = { host: HERE.ipv4, port: RAW_PORTS.from }
      const frame = raw.send({
        from,
        to: { host: THERE.ipv4, port: PORT },
        payload: connectRequest(3),
      })
      const before = await metric('xdp_packets_total')
      for (let sent = 0; sent < 20_000; ) {
        if (raw.sendFrame(frame)) sent++
        else raw.flush()
      }
      raw.flush()
      await metricReaches('xdp_packets_total', before + 2000)
      await byXdp(8)
    },
  )
  raw.close()
}

/** Frames longer than ours, with which a driver may take no program: the kernel then runs it after the driver. */
async function jumbo(networks: TwoNetworks): Promise<void> {
  run(`ip link set ${OWN_CARD} mtu 9000`)
  networks.there(`ip link set ${CARD} mtu 9000`)
  const { code, stderr } = await runTracker(settings(networks, { mode: 'native' }))
  deepStrictEqual(code, 1)
  match(stderr, /card0 cannot take the program \(ERANGE\): its MTU is too large for XDP/)
  await withTracker(settings(networks), async (tracker) => {
    match(tracker.stderr, /card0 by XDP \(generic\)/)
    await byXdp(8)
    await withClient(HERE.ipv4, async (client) => {
      const to = { host: THERE.ipv4, port: PORT }
      const hashes = Array.from({ length: 255 }, (_, i) => infoHash(i))
      const request = scrapeRequest(await client.connect(to), hashes)
      const { entries } = readScrape((await client.request(request, to)).packet)
      deepStrictEqual(entries.length, 103)
    })
    await metricReaches('xdp_passed_total{what="forms"}', 1)
  })
}

/** One worker for each queue, or another number. */
async function queues(networks: TwoNetworks): Promise<void> {
  for (const [workers, said] of [
    [0, /\(2 socket workers, card0/],
    [1, /card0 has 2 receive queues for 1 socket worker, so some serve several/],
    [
      3,
      /card0 has 2 receive queues and there are 3 socket workers: 1 of them serve only what comes by sockets/,
    ],
  ] as const) {
    await withTracker(
      settings(networks, { first: `socket_workers = ${workers}` }),
      async (tracker) => {
        match(tracker.stderr, said)
        // Ports spread clients over the queues.
        const before = await metric('xdp_packets_total')
        const clients = Array.from({ length: 16 }, () =>
          withClient(HERE.ipv4, (client: UdpClient) =>
            client.announce({ host: THERE.ipv4, port: PORT }),
          ),
        )
        await Promise.all(clients)
        await metricReaches('xdp_packets_total', before + 32)
      },
    )
  }
}

await runScenario({ serves, passes, badFrames, sameFrames, flood, deafClient, jumbo, queues })
