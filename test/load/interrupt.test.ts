// Ctrl-C while a load tester still waits for the tracker's first answer: a user who sees no summary must be told why.
import { describe, expect, test } from 'bun:test'
import { runLoadTest as runHttp } from './http/load-test.ts'
import type { Run } from './tester.ts'
import { runLoadTest as runUdp } from './udp/load-test.ts'
import { runLoadTest as runWs } from './ws/load-test.ts'

interface Silent {
  readonly port: number
  /** Resolves once the load tester has asked it something, so that its handlers of signals are there. */
  readonly asked: Promise<void>
  /** Says that it is a tracker, and nothing after that. */
  answer?(): void
  close(): void
}

function silentOverTcp(): Silent {
  const { promise: asked, resolve } = Promise.withResolvers<void>()
  const listener = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: { open: () => {}, data: () => resolve(), error: () => {} },
  })
  return { port: listener.port, asked, close: () => listener.stop(true) }
}

async function silentOverUdp(): Promise<Silent> {
  const { promise: asked, resolve } = Promise.withResolvers<void>()
  let answer = () => {}
  const socket = await Bun.udpSocket({
    hostname: '127.0.0.1',
    socket: {
      data: (own, packet, port, address) => {
        const connected = Buffer.concat([Buffer.alloc(4), packet.subarray(12, 16), Buffer.alloc(8)])
        answer = () => own.send(connected, port, address)
        resolve()
      },
      error: () => {},
    },
  })
  return { port: socket.port, asked, answer: () => answer(), close: () => socket.close() }
}

/** Longer than a test may take: only the signal can end the wait. */
const PATIENT = '[tracker]\nstart_timeout = 300\n'

describe('Ctrl-C before the load has begun says so, and leaves no report', () => {
  const cases: [string, string, Run, () => Silent | Promise<Silent>][] = [
    ['aquatic_udp_load_test', 'nothing answers', runUdp, silentOverUdp],
    ['aquatic_udp_load_test', 'the tracker answers at that moment', runUdp, silentOverUdp],
    ['aquatic_http_load_test', 'nothing answers', runHttp, silentOverTcp],
    ['aquatic_ws_load_test', 'nothing answers', runWs, silentOverTcp],
  ]
  test.each(cases)(
    '%s, %s',
    async (name, what, run, open) => {
      const tracker = await open()
      try {
        const settings = `server_address = '127.0.0.1:${tracker.port}'\n${PATIENT}`
        const { code, stdout, stderr, files } = await run(settings, [], async (child) => {
          await tracker.asked
          child.kill('SIGINT')
          if (what !== 'nothing answers') tracker.answer?.()
        })
        const why = 'interrupted before the load began: nothing was measured'
        expect(stderr).toBe(`${name}: ${why}\n`)
        expect(stdout).toBe('')
        expect(files).toEqual(['settings.toml'])
        expect(code).toBe(1)
      } finally {
        tracker.close()
      }
    },
    180_000,
  )
})
