// Sets how many queues a network card receives and sends with, as `ethtool -L CARD rx COUNT tx COUNT` does. A script that
// tests run in the card's network namespace. Usage: set-queues.ts CARD COUNT
import { addressHigh, addressLow, addressOf, libc, permanentWords } from '../../src/os/ffi.ts'
import {
  AF_INET,
  ETHTOOL_GCHANNELS,
  SIOCETHTOOL,
  SOCK_CLOEXEC,
  SOCK_DGRAM,
} from '../../src/os/kernel.ts'

const ETHTOOL_SCHANNELS = 0x3d
// struct ethtool_channels in words: 0 command │ … │ 5 receive │ 6 send │ …
const channels = permanentWords(9)
const request = permanentWords(10)
const [card, count] = process.argv.slice(2)
new Uint8Array(request.buffer).set(new TextEncoder().encode(card))
request[4] = addressLow(channels)
request[5] = addressHigh(channels)
const fd = libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)
for (const command of [ETHTOOL_GCHANNELS, ETHTOOL_SCHANNELS]) {
  channels[0] = command
  channels[5] = Number(count)
  channels[6] = Number(count)
  if (command === ETHTOOL_GCHANNELS) channels.fill(0, 1)
  const result = libc.ioctl(fd, SIOCETHTOOL as never, addressOf(request) as never)
  if (result !== 0) throw new Error(`the number of queues of ${card} cannot be ${count}`)
}
