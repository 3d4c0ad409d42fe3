import { expect, test } from 'bun:test'
import * as places from '../../src/tcp/counters.ts'
import { ACCEPTED, TCP_COUNTER_WORDS, TCP_COUNTERS } from '../../src/tcp/counters.ts'
import { REQUESTS_PER_TURN } from '../../src/tcp/transfer.ts'
import { type Client, withServer } from './harness.ts'

test('the places of counters are those of their list', () => {
  const names = TCP_COUNTERS.flatMap(({ counters }) => counters.map(({ name }) => name))
  expect(names).toHaveLength(TCP_COUNTER_WORDS)
  const of = places as unknown as Record<string, number>
  const special: Record<string, string> = {
    closed_connections_full: 'CLOSED_FULL',
    closed_connections_per_address: 'CLOSED_PER_ADDRESS',
  }
  for (const [i, name] of names.entries()) {
    expect([name, of[special[name] ?? name.toUpperCase()]]).toEqual([name, i])
  }
})

test('a request, an answer, an end', () => {
  withServer({}, (bench) => {
    const client = bench.connect()
    client.send('close\n')
    expect(bench.end(client)).toBe('close\n')
    expect(client.ended).toBe('end')
    expect(bench.counted()).toEqual({ accepted: 1, closed_answered: 1 })
    expect(bench.limits.total()).toBe(0)
  })
})

test('a connection is kept, and its peer ends it', () => {
  withServer({}, (bench) => {
    const client = bench.connect()
    for (const line of ['one\n', 'two\n', 'three\n']) {
      client.send(line)
      expect(bench.answer(client, line.length)).toBe(line)
    }
    expect(bench.server.count).toBe(1)
    expect(bench.limits.total()).toBe(1)
    client.close()
    bench.until('it is gone', () => bench.server.count === 0)
    expect(bench.counted()).toEqual({ accepted: 1, closed_by_client: 1 })
    expect(bench.limits.total()).toBe(0)
  })
})

test('one byte at a time, and no byte is looked at twice', () => {
  withServer({}, (bench) => {
    const client = bench.connect()
    const line = `${'x'.repeat(1200)}\n`
    for (const byte of line) {
      client.send(byte)
      bench.turn(10)
    }
    expect(bench.answer(client, line.length)).toBe(line)
    expect(bench.lines.looked).toBe(line.length)
    client.send('close\n')
    expect(bench.end(client)).toBe(`${line}close\n`)
  })
})

test('requests in a row are all answered, in order, by turns', () => {
  withServer({}, (bench) => {
    const [client, other] = [bench.connect(), bench.connect()]
    const count = REQUESTS_PER_TURN * 3 + 5
    const lines = Array.from({ length: count }, (_, i) => `line ${i}\n`).join('')
    client.send(`${lines}clo`)
    bench.turn(10)
    other.send('close\n')
    bench.until('the other is served', () => other.receive() === 'close\n')
    bench.answer(client, lines.length)
    client.send('se\n')
    expect(bench.end(client)).toBe(`${lines}close\n`)
  })
})

test('half of a connection still gets its answer', () => {
  withServer({}, (bench) => {
    const client = bench.connect()
    client.send('first\n')
    client.endSending()
    expect(bench.end(client)).toBe('first\n')
    expect(bench.counted()).toEqual({ accepted: 1, closed_by_client: 1 })
    const unfinished = bench.connect()
    unfinished.send('fir')
    unfinished.endSending()
    expect(bench.end(unfinished)).toBe('')
    expect(bench.counted().closed_unfinished).toBe(1)
  })
})

test('a request has its time from its first byte on, whatever keeps coming', () => {
  withServer({}, (bench) => {
    const client = bench.connect()
    for (let i = 0; i <= bench.times.request; i++) {
      client.send('z')
      bench.turn(10)
      bench.now += 1
    }
    expect(client.receive()).toBe('')
    expect(bench.end(client)).toBe('too slow\n')
    expect(bench.counted()).toEqual({ accepted: 1, closed_request_timeout: 1 })
  })
})

test('an idle connection ends after its time, one that is used does not', () => {
  withServer({}, (bench) => {
    const [idle, used] = [bench.connect(), bench.connect()]
    for (const client of [idle, used]) client.send('a\n')
    bench.answer(idle, 2)
    bench.answer(used, 2)
    bench.now += bench.times.idle
    used.send('b\n')
    bench.answer(used, 2)
    bench.now += 1
    bench.turn()
    expect(bench.end(idle)).toBe('a\n')
    expect(used.ended).toBeNull()
    expect(bench.counted()).toEqual({ accepted: 2, closed_idle_timeout: 1 })
  })
})

test('times can be shortened while connections wait', () => {
  withServer({}, (bench) => {
    const client = bench.connect()
    client.send('a\n')
    bench.answer(client, 2)
    bench.server.setTimes({ ...bench.times, idle: 1 })
    bench.now += 2
    expect(bench.end(client)).toBe('a\n')
  })
})

test('an answer is not lost if its client keeps sending', () => {
  withServer({}, (bench) => {
    const client = bench.connect()
    client.send(`bye\n${'y'.repeat(1000)}`)
    bench.until('an answer', () => client.receive() === 'bye\n')
    for (let i = 0; i < 5; i++) {
      client.send('y'.repeat(60_000))
      bench.turn(10)
    }
    expect(client.receive()).toBe('bye\n')
    expect(client.ended).toBe('end')
    client.close()
    bench.until('it is gone', () => bench.server.count === 0)
    expect(bench.counted()).toEqual({ accepted: 1, closed_answered: 1 })
  })
})

test('but not for ever, and not for much', () => {
  withServer({}, (bench) => {
    const [silent, loud] = [bench.connect(), bench.connect()]
    for (const client of [silent, loud]) client.send('bye\n')
    bench.until('both wait', () => bench.server.waiting === 2)
    bench.until('too much', () => {
      loud.send('y'.repeat(60_000))
      return bench.server.waiting === 1
    })
    bench.now += 3
    bench.turn()
    expect(bench.server.waiting).toBe(0)
  })
})

test('too long a request is refused, and the answer arrives', () => {
  withServer({}, (bench) => {
    const client = bench.connect()
    client.send('w'.repeat(60_000))
    expect(bench.end(client)).toBe('too long\n')
    expect(client.ended).toBe('end')
  })
})

test.each([
  ['before its first byte', (_: Client) => {}],
  ['in the middle of a request', (client: Client) => client.send('mid')],
  ['between two requests', (client: Client) => client.send('whole\n')],
  ['with an answer that it has not read', (client: Client) => client.send('big 30000\n')],
  [
    'with answers that wait',
    (client: Client) => {
      for (let i = 0; i < 200; i++) client.send('big 30000\n')
    },
  ],
  ['after its end was shown', (client: Client) => client.send('bye\n')],
])('a reset %s takes nothing with it', (_, before) => {
  withServer({}, (bench) => {
    const client = bench.connect()
    before(client)
    for (let i = 0; i < 30; i++) bench.turn(1)
    client.reset()
    bench.until('it is gone', () => bench.server.count === 0)
    expect(bench.limits.total()).toBe(0)
    const other = bench.connect()
    other.send('close\n')
    expect(bench.end(other)).toBe('close\n')
  })
})

test('beyond the limit an idle connection makes room; where none is idle, who has no whole request is told', () => {
  withServer({ maxConnections: 2 }, (bench) => {
    const [idle, slow, newcomer, whole] = [1, 2, 3, 4].map(() => bench.connect())
    idle.send('a\n')
    bench.answer(idle, 2)
    slow.send('sl')
    bench.until('two', () => bench.server.count === 2)
    newcomer.send('ne')
    expect(bench.end(idle)).toBe('a\n')
    bench.until('it stays', () => bench.server.waiting === 2)
    whole.send('close\n')
    expect(bench.end(whole)).toBe('close\n')
    const refused = bench.connect()
    refused.send('re')
    expect(bench.end(refused)).toBe('full\n')
    slow.send('ow\n')
    expect(bench.answer(slow, 5)).toBe('slow\n')
    expect(bench.counted()).toEqual({
      accepted: 5,
      closed_answered: 1,
      closed_connections_full: 1,
      closed_made_room: 1,
    })
  })
})

test('one address has so many connections', () => {
  withServer({ maxPerAddress: 2 }, (bench) => {
    const clients = [1, 2, 3].map(() => bench.connect())
    for (const client of clients.slice(0, 2)) client.send('part')
    bench.until('two', () => bench.server.waiting === 2)
    clients[2].send('part')
    expect(bench.end(clients[2])).toBe('full\n')
    expect(bench.counted().closed_connections_per_address).toBe(1)
    clients[0].reset()
    bench.until('one', () => bench.server.waiting === 1)
    expect(bench.limits.total()).toBe(1)
  })
})

test('a trusted proxy has as many connections as there is room for', () => {
  withServer({ maxConnections: 4, maxPerAddress: 2, trusted: ['127.0.0.0/8'] }, (bench) => {
    const clients = [1, 2, 3, 4, 5].map(() => bench.connect())
    for (const client of clients.slice(0, 4)) client.send('part')
    bench.until('four', () => bench.server.waiting === 4)
    clients[4].send('part')
    expect(bench.end(clients[4])).toBe('full\n')
    expect(bench.counted().closed_connections_full).toBe(1)
  })
})

test('the memory for unfinished requests has a limit', () => {
  // One chunk of blocks of each of so many sizes.
  withServer({ heldBytesMax: 1 }, (bench) => {
    const count = 600
    const clients = Array.from({ length: count }, () => bench.connect())
    for (const client of clients) client.send('p')
    bench.until('all came', () => bench.counted().accepted === count)
    const { closed_memory } = bench.counted()
    expect(closed_memory).toBe(count - 512)
    expect(bench.blocks.reserved).toBe(512 * 512)
    for (const client of clients) client.close()
    bench.until('none', () => bench.server.count === 0)
    const later = bench.connect()
    later.send('q')
    bench.until('it waits', () => bench.server.waiting === 1)
  })
})

test('thousands of connections leave nothing behind', () => {
  withServer({}, (bench) => {
    const ways: ((client: Client) => void)[] = [
      (client) => client.send('close\n'),
      (client) => client.send('kept\n'),
      (client) => client.send('unfinished'),
      (client) => client.send('bye\n'),
    ]
    let reserved = 0
    for (let round = 0; round < 200; round++) {
      const clients = Array.from({ length: 20 }, () => bench.connect())
      for (const [i, client] of clients.entries()) ways[(round + i) % ways.length](client)
      bench.turn(10)
      bench.turn()
      for (const [i, client] of clients.entries()) {
        if (i % 3 === 0) client.reset()
        else client.close()
      }
      bench.until(
        'none',
        () => bench.counts[ACCEPTED] === (round + 1) * 20 && bench.server.count === 0,
      )
      if (round === 20) reserved = bench.blocks.reserved
    }
    expect(bench.blocks.reserved).toBe(reserved)
    expect(bench.limits.total()).toBe(0)
    const { accepted, ...closed } = bench.counted()
    expect(accepted).toBe(4000)
    expect(Object.values(closed).reduce((sum, count) => sum + count, 0)).toBe(4000)
  })
})

test('at the stop, who waits to be accepted is served, and who has a request under way', () => {
  withServer({}, (bench) => {
    const [idle, slow] = [bench.connect(), bench.connect()]
    idle.send('a\n')
    bench.answer(idle, 2)
    slow.send('sl')
    bench.until('two', () => bench.server.count === 2)
    const waiting = Array.from({ length: 300 }, () => bench.connect())
    for (const client of waiting) client.send('w\n')
    bench.stopListening()
    for (const client of waiting) expect(bench.end(client)).toBe('w\n')
    expect(bench.end(idle)).toBe('a\n')
    slow.send('ow\n')
    expect(bench.end(slow)).toBe('slow\n')
    expect(bench.counted()).toEqual({ accepted: 302, closed_answered: 301, closed_stop: 1 })
    expect(() => bench.connect()).toThrow('ECONNREFUSED')
  })
})

test('events of a connection that has ended in the same turn are ignored', () => {
  withServer({ maxConnections: 2 }, (bench) => {
    const [idle, slow] = [bench.connect(), bench.connect()]
    slow.send('sl')
    idle.send('a\n')
    bench.answer(idle, 2)
    bench.until('two', () => bench.server.count === 2)
    // Both are told in one batch, the newcomer first, for whom the idle one has to go.
    const newcomer = bench.connect()
    newcomer.send('ne')
    idle.send('b\n')
    bench.until('it stays', () => bench.server.waiting === 2)
    expect(bench.counted()).toEqual({ accepted: 3, closed_made_room: 1 })
    newcomer.send('w\n')
    slow.send('ow\n')
    expect(bench.answer(newcomer, 4)).toBe('new\n')
    expect(bench.answer(slow, 5)).toBe('slow\n')
    expect(bench.limits.total()).toBe(2)
  })
})
