// Listening sockets that do not wake their event loop for a time, of servers that the runtime opens.
import { afterEach, expect, test } from 'bun:test'
import { createConnection, type Socket } from 'node:net'
import { EventLoops } from '../../src/os/event-loops.ts'
import { waitFor } from '../support/wait.ts'

const KEPT_OUT_MS = 300

const sockets: Socket[] = []
const servers: Bun.Server<undefined>[] = []

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) server.stop(true)
})

function serve(hostname = '127.0.0.1', port = 0): number {
  const fetch = () => new Response('here')
  servers.push(Bun.serve({ hostname, port, reusePort: true, fetch }))
  return Number(servers.at(-1)?.port)
}

/** What is answered to a request within the time. */
function ask(port: number, localAddress = '127.0.0.1', host = '127.0.0.1') {
  const socket = createConnection({ host, port, localAddress })
  sockets.push(socket.on('error', () => {}))
  socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  const answer = new Promise<string>((resolve) => {
    socket.on('data', (data) => resolve(data.toString().slice(9, 15)))
  })
  return { socket, answer, within: (ms: number) => waitFor(answer, ms) }
}

test('who comes while a socket rests is served when it wakes; who is there is served', async () => {
  const port = serve()
  const loops = new EventLoops([port])
  expect(loops.listenerCount).toBe(1)
  const early = ask(port)
  expect(await early.within(60_000)).toBe('200 OK')
  loops.setListening(false)
  loops.setListening(false)
  const late = ask(port)
  expect(await late.within(KEPT_OUT_MS)).toBeUndefined()
  const again = new Promise((resolve) => early.socket.once('data', resolve))
  early.socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  expect(await waitFor(again, 60_000)).toBeDefined()
  loops.setListening(true)
  expect(await late.within(60_000)).toBe('200 OK')
  expect(await ask(port).within(60_000)).toBe('200 OK')
})

test('sockets of other ports are left alone', async () => {
  const [port, other] = [serve(), serve()]
  const loops = new EventLoops([port])
  loops.setListening(false)
  expect(await ask(port).within(KEPT_OUT_MS)).toBeUndefined()
  expect(await ask(other).within(60_000)).toBe('200 OK')
  expect(new EventLoops([1]).listenerCount).toBe(0)
  loops.setListening(true)
})

test('a socket that has taken the place of a closed one is found by looking again', async () => {
  const port = serve()
  const loops = new EventLoops([port])
  loops.setListening(false)
  servers[0].stop(true)
  serve('127.0.0.1', port)
  // What the closed one had is forgotten, and is nobody else's.
  loops.setListening(false)
  expect(loops.listenerCount).toBe(0)
  expect(await ask(port).within(60_000)).toBe('200 OK')
  loops.findListeners()
  expect(loops.listenerCount).toBe(1)
  loops.setListening(false)
  const late = ask(port)
  expect(await late.within(KEPT_OUT_MS)).toBeUndefined()
  loops.findListeners()
  expect(await late.within(60_000)).toBe('200 OK')
})
