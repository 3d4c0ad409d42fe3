// Who means harm takes nothing from others: places, memory, turns, answers.
import { expect, test } from 'bun:test'
import { READY_PER_TURN } from '../../src/tcp/connections.ts'
import { REQUESTS_PER_TURN } from '../../src/tcp/transfer.ts'
import { withServer } from './harness.ts'

test('an address with all of its connections takes no place of another', () => {
  withServer({ maxConnections: 3, maxPerAddress: 2 }, (bench) => {
    const idle = bench.connect('127.0.0.2')
    idle.send('a\n')
    bench.answer(idle, 2)
    const clients = Array.from({ length: 20 }, () => bench.connect())
    for (const client of clients.slice(0, 2)) client.send('part')
    bench.until('both', () => bench.server.waiting === 2)
    for (const client of clients.slice(2)) client.send('part')
    for (const client of clients.slice(2)) expect(bench.end(client)).toBe('full\n')
    expect(bench.counted()).toEqual({ accepted: 21, closed_connections_per_address: 18 })
    idle.send('b\n')
    expect(bench.answer(idle, 2)).toBe('b\n')
  })
})

test('memory that was full of long requests serves short ones, and memory is not needed for whole ones', () => {
  withServer({ heldBytesMax: 1 }, (bench) => {
    const long = Array.from({ length: 20 }, () => bench.connect())
    for (const client of long) client.send('l'.repeat(16_000))
    bench.until('it is full', () => bench.counted().closed_memory === 4)
    const whole = bench.connect()
    whole.send('close\n')
    expect(bench.end(whole)).toBe('close\n')
    for (const client of long) client.close()
    bench.until('none', () => bench.server.count === 0)
    const short = bench.connect()
    short.send('sh')
    bench.until('it waits', () => bench.server.waiting === 1)
    short.send('ort\n')
    expect(bench.answer(short, 6)).toBe('short\n')
  })
})

test('an answer arrives though its client had sent more, and goes on to', () => {
  withServer({}, (bench) => {
    const client = bench.connect()
    client.send('close\nmore\n')
    for (let i = 0; i < 5; i++) {
      bench.turn(10)
      // A reset would make it fail, and on some systems discard the answer.
      expect(client.send('and more\n')).toBe(9)
    }
    expect(client.receive()).toBe('close\n')
    expect(client.ended).toBe('end')
    client.close()
    bench.until('it is gone', () => bench.server.count === 0)
    expect(bench.counted()).toEqual({ accepted: 1, closed_answered: 1 })
  })
})

test('a last answer that is taken slowly arrives although its client keeps sending', () => {
  withServer({}, (bench) => {
    const client = bench.connect()
    for (let i = 0; i < 200; i++) client.send('big 30000\n')
    client.send('close\n')
    for (let i = 0; i < 50; i++) bench.turn(1)
    client.send('more\n')
    expect(bench.end(client).endsWith('b\nclose\n')).toBe(true)
    expect(client.ended).toBe('end')
  })
})

test('a client that asks for much at once gets one turn after another, and so have others', () => {
  withServer({}, (bench) => {
    const clients = Array.from({ length: 200 }, () => bench.connect())
    const lines = 'x\n'.repeat(20 * REQUESTS_PER_TURN)
    for (const client of clients) client.send(lines)
    bench.until('all are read', () => bench.counted().accepted === 200)
    const other = bench.connect()
    other.send('close\n')
    // A turn of those that are ready handles a bounded number of requests.
    expect(bench.turn(10)).toBeLessThanOrEqual(READY_PER_TURN + 1)
    bench.until('the other is served', () => other.receive() === 'close\n')
    const left = clients.filter((client) => client.receive().length < lines.length)
    expect(left.length).toBeGreaterThan(150)
    bench.until('all is answered', () =>
      clients.every((client) => client.receive().length === lines.length),
    )
  })
})

test('thousands of connections whose time is up end without a pause', () => {
  withServer({ maxConnections: 3000 }, (bench) => {
    const clients = Array.from({ length: 1500 }, () => bench.connect())
    for (const client of clients) client.send('a\n')
    bench.until('all are idle', () => bench.server.count === 1500)
    bench.turn()
    bench.now += bench.times.idle + 1
    bench.turn()
    const start = performance.now()
    // Nothing else happens: without more to do each turn would take so long.
    for (let n = 0; n < 10; n++) bench.turn(bench.server.count > 0 ? 1000 : 0)
    expect(bench.server.count).toBe(0)
    expect(performance.now() - start).toBeLessThan(1000)
  })
})
