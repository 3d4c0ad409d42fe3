// Has a virtual device's receive path run in a kernel thread of its own (threaded NAPI), on the core that it is given, instead of
// inside the system call that sent the packet. The time of neither end then has the other's work in it, as with two cards.
// Packets of a device without an XDP program of its own are still received where they were sent. Used by bench/xdp.ts; runs as
// a program of its own in the device's network namespace, for which /sys shows the devices. Needs root.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { addressHigh, addressLow, addressOf, libc, nativeWords } from '../../src/os/ffi.ts'
import { AF_INET, SIOCETHTOOL, SOCK_CLOEXEC, SOCK_DGRAM } from '../../src/os/kernel.ts'

/** struct ethtool_value: command u32 │ value u32. Generic receive offload gives a virtual device its NAPI. */
const ETHTOOL_SGRO = 0x2c
/** struct ifreq: 0 name │ 16 pointer. */
const REQUEST_BYTES = 40

/** `prefix`: what a command begins with to run in the namespace of `device`. */
export function receiveInThread(device: string, core: number, prefix: readonly string[]): void {
  const before = new Set(receiveThreads())
  const script = 'mount -t sysfs sysfs /sys && exec "$@"'
  const apart = ['unshare', '--mount', '--pid', '--fork', '--', 'sh', '-c', script, 'sh']
  run([...prefix, ...apart, process.execPath, import.meta.path, device])
  const threads = receiveThreads().filter((pid) => !before.has(pid))
  if (threads.length === 0) throw new Error(`${device} got no thread that receives`)
  // Before the load's own threads on the same core: the ring between the devices has 256 places.
  for (const pid of threads) {
    run(['taskset', '-c', '-p', String(core), pid])
    run(['renice', '-n', '-19', '-p', pid])
  }
}

function receiveThreads(): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      return readFileSync(`/proc/${pid}/comm`, 'latin1').startsWith('napi/')
    } catch {
      return false
    }
  })
}

function run(command: readonly string[]): void {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command])
  if (exitCode !== 0) throw new Error(`${command.join(' ')}: ${stdout}${stderr}`.trim())
}

function enable(device: string): void {
  const value = nativeWords(2)
  value[0] = ETHTOOL_SGRO
  value[1] = 1
  const request = nativeWords(REQUEST_BYTES / 4)
  new Uint8Array(request.buffer).set(new TextEncoder().encode(device))
  request[4] = addressLow(value)
  request[5] = addressHigh(value)
  const fd = libc.socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)
  const result = libc.ioctl(fd, SIOCETHTOOL as never, addressOf(request) as never)
  if (result !== 0 || value[1] !== 1) throw new Error(`${device}: ETHTOOL_SGRO`)
  writeFileSync(`/sys/class/net/${device}/threaded`, '1')
}

if (import.meta.main) enable(process.argv[2])
