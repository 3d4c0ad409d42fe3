// How soon a client that sends its request in a segment of its own, as most libraries do, has the first answer over
// HTTPS: its system holds the request back until what ended the handshake is acknowledged (Nagle's algorithm).
import { expect, test } from 'bun:test'
import { PYTHON } from './client.ts'
import { IPV4, Lab } from './lab.ts'
import { HTTPS, Tracker } from './tracker.ts'
import { TEST_MS } from './transfer.ts'

/** An acknowledgement that waits for an answer waits for at least 40 ms. */
const DELAYED_MS = 40
const CONNECTIONS = 20

/** Prints how long each connection took, in milliseconds. Python leaves Nagle's algorithm on. */
const SCRIPT = `
import socket, ssl, sys, time
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE
for _ in range(${CONNECTIONS}):
    began = time.monotonic()
    with context.wrap_socket(socket.create_connection((sys.argv[1], int(sys.argv[2])))) as connection:
        connection.sendall(b'GET /health HTTP/1.1\\r\\nHost: tracker\\r\\n\\r\\n')
        assert connection.recv(1000).startswith(b'HTTP/1.1 200 ')
        print((time.monotonic() - began) * 1000)
`

test(
  'the first answer over HTTPS does not wait for a delayed acknowledgement',
  async () => {
    await using lab = await Lab.open()
    const tracker = await Tracker.start(lab, `${IPV4.tracker}:0`, HTTPS)
    const { hostname, port } = new URL(tracker.url(IPV4.tracker))
    const client = lab.start('python', [PYTHON, '-c', SCRIPT, hostname, port])
    expect(await client.waitForEnd(TEST_MS)).toBe(0)
    const times = client.output.trim().split('\n').map(Number)
    expect(times).toHaveLength(CONNECTIONS)
    // Each would be late; the machine delays some.
    expect(Math.min(...times)).toBeLessThan(DELAYED_MS)
  },
  TEST_MS,
)
