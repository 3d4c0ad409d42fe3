// Who means harm takes nothing from others: places, memory, turns, answers.
import { expect, test } from 'bun:test'
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
