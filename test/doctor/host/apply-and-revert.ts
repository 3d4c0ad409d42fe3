// Run by namespace.test.ts in a network namespace with /etc and /var/lib of its own: prints some settings of the kernel before
// and after --apply and after --revert, and the files that are left at the end.
import { readdirSync, readFileSync } from 'node:fs'

const VALUES = [
  'core/somaxconn',
  'ipv4/tcp_max_tw_buckets',
  'ipv4/ip_local_port_range',
  'ipv4/ip_local_reserved_ports',
]
const [doctor, settings] = process.argv.slice(2)

const values = () => VALUES.map((path) => readFileSync(`/proc/sys/net/${path}`, 'latin1'))

function run(flag: string): void {
  const { exitCode, stdout, stderr } = Bun.spawnSync([
    process.execPath,
    doctor,
    flag,
    '--yes',
    '--seconds',
    '0',
    '-c',
    settings,
  ])
  if (exitCode !== 0) throw new Error(`${flag} ended with ${exitCode}: ${stdout}${stderr}`)
}

const before = values()
run('--apply')
const applied = values()
run('--revert')
const left = ['/etc', '/var/lib'].flatMap((folder) => readdirSync(folder))
console.log(JSON.stringify({ before, applied, reverted: values(), left }))
