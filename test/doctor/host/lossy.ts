// Run by namespace.test.ts in a network namespace: binds UDP port 3000 with a small buffer that nobody reads, sends
// packets to it all the time, and runs the doctor meanwhile, with this program's arguments and exit code.
import { addressOf, libc, permanentWords } from '../../../src/os/ffi.ts'
import { AF_INET, SO_RCVBUF, SOCK_DGRAM, SOL_SOCKET } from '../../../src/os/kernel.ts'
import { bindSocket, setOption } from '../../../src/os/socket.ts'

const PACKETS = 200
const PORT = 3000

const receiver = libc.socket(AF_INET, SOCK_DGRAM, 0)
setOption(receiver, SOL_SOCKET, SO_RCVBUF, 1)
bindSocket(receiver, { family: 4, address: [127, 0, 0, 1], port: PORT })

const sender = libc.socket(AF_INET, SOCK_DGRAM, 0)
const to = permanentWords(4)
new Uint8Array(to.buffer).set([AF_INET, 0, PORT >> 8, PORT & 255, 127, 0, 0, 1])
libc.connect(sender, addressOf(to) as never, 16)
const packet = permanentWords(25)
const timer = setInterval(() => {
  for (let i = 0; i < PACKETS; i++) libc.send(sender, addressOf(packet) as never, 100 as never, 0)
}, 10)

const doctor = Bun.spawn([process.execPath, ...process.argv.slice(2)], {
  stdin: 'ignore',
  stdout: 'inherit',
  stderr: 'inherit',
})
const code = await doctor.exited
clearInterval(timer)
process.exit(code)
