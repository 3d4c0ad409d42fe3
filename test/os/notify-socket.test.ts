import { expect, test } from 'bun:test'
import { NotifySocket } from '../../src/os/notify-socket.ts'
import { withNotifyListener } from '../support/notify-listener.ts'

test.each(['path', 'abstract'] as const)('texts arrive at a socket with an %s address', (kind) =>
  withNotifyListener(async (listener) => {
    const socket = new NotifySocket(listener.address)
    expect(socket.send('READY=1')).toBe(true)
    expect(socket.send('STATUS=größer')).toBe(true)
    await listener.waitFor('STATUS')
    expect(listener.texts).toEqual(['READY=1', 'STATUS=größer'])
    socket.close()
  }, kind),
)

test('a full or vanished receiver costs no time and is told', () =>
  withNotifyListener(async (listener) => {
    const socket = new NotifySocket(listener.address)
    let sent = 0
    // The system queues 11 datagrams by default (net.unix.max_dgram_qlen), at most some thousands.
    while (sent < 100_000 && socket.send('WATCHDOG=1')) sent++
    expect(sent).toBeGreaterThan(0)
    expect(sent).toBeLessThan(100_000)
    listener.close()
    expect(socket.send('WATCHDOG=1')).toBe(false)
    socket.close()
  }))

test.each([
  ['', 'EAFNOSUPPORT'],
  ['@', 'EAFNOSUPPORT'],
  ['relative/path', 'EAFNOSUPPORT'],
  ['vsock:2:1234', 'EAFNOSUPPORT'],
  [`/${'x'.repeat(108)}`, 'ENAMETOOLONG'],
  [`@${'x'.repeat(108)}`, 'ENAMETOOLONG'],
  ['/nonexistent/notify', 'ENOENT'],
  ['@aquatic-no-such-socket', 'ECONNREFUSED'],
])('the address %p is refused with %s', (address, code) => {
  expect(() => new NotifySocket(address)).toThrow(expect.objectContaining({ code }))
})

test.each([`/tmp/${'x'.repeat(102)}`, `@${'x'.repeat(107)}`])(
  'the longest addresses reach the system',
  (address) => {
    const code = address.startsWith('/') ? 'ENOENT' : 'ECONNREFUSED'
    expect(() => new NotifySocket(address)).toThrow(expect.objectContaining({ code }))
  },
)
