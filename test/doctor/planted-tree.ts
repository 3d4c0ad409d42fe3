// A tree of files that stands for a host, on which nothing is wrong for a tracker of UDP and HTTP. Used by the tests
// of the doctor as a whole.
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

export const GOOD: Readonly<Record<string, string>> = {
  '/proc/net/softnet_stat': '000f4240 00000000 00000000\n000f4240 00000000 00000000\n',
  '/proc/net/snmp':
    'Tcp: PassiveOpens\nTcp: 1000\n' +
    'Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors MemErrors\nUdp: 1000 0 0 1000 0 0 0\n',
  '/proc/net/snmp6': 'Udp6InDatagrams 5\nUdp6RcvbufErrors 0\n',
  '/proc/net/netstat':
    'TcpExt: ListenOverflows TCPTimeWaitOverflow TCPReqQFullDrop\nTcpExt: 0 0 0\n',
  '/proc/net/sockstat': 'TCP: inuse 5 orphan 0 tw 0 alloc 9 mem 1\n',
  '/proc/net/dev': '\n',
  '/proc/net/if_inet6': '20010db8000000000000000000000001 02 40 00 80 eth0\n',
  '/proc/net/ipv6_route': `${'0'.repeat(32)} 00 ${'0'.repeat(32)} 00 fe80000000000000000000000000000a 00000400 1 0 00000003 eth0\n`,
  '/proc/net/fib_trie': '  |-- 203.0.113.7\n     /32 host LOCAL\n',
  '/proc/meminfo':
    'MemTotal: 16777216 kB\nSwapTotal: 0 kB\nCommitLimit: 8388608 kB\nCommitted_AS: 0 kB\n',
  '/proc/stat':
    'cpu  0 0 0 1000 0 0 0 0 0 0\ncpu0 0 0 0 500 0 0 0 0 0 0\ncpu1 0 0 0 500 0 0 0 0 0 0\n',
  '/proc/uptime': '1000.00 900.00\n',
  '/proc/1/cmdline': '/sbin/init\0',
  '/proc/self/limits':
    'Max open files            1048576              1048576              files\n',
  '/proc/self/cgroup': '0::/\n',
  '/proc/sys/fs/file-max': '2000000\n',
  '/proc/sys/fs/nr_open': '1048576\n',
  '/proc/sys/fs/file-nr': '1000\t0\t2000000\n',
  '/proc/sys/vm/overcommit_memory': '0\n',
  '/proc/sys/net/core/rmem_max': '8388608\n',
  '/proc/sys/net/core/somaxconn': '4096\n',
  '/proc/sys/net/core/netdev_max_backlog': '16384\n',
  '/proc/sys/net/core/netdev_budget': '300\n',
  '/proc/sys/net/core/netdev_budget_usecs': '2000\n',
  '/proc/sys/net/ipv4/tcp_max_syn_backlog': '8192\n',
  '/proc/sys/net/ipv4/tcp_syncookies': '1\n',
  '/proc/sys/net/ipv4/tcp_migrate_req': '1\n',
  '/proc/sys/net/ipv4/tcp_max_tw_buckets': '262144\n',
  '/proc/sys/net/ipv4/tcp_mem': '190000\t250000\t380000\n',
  '/proc/sys/net/ipv4/ip_local_port_range': '32768\t60999\n',
  '/proc/sys/net/ipv4/ip_local_reserved_ports': '\n',
  '/sys/class/net/eth0/device/vendor': '0x1af4\n',
  '/sys/class/net/eth0/queues/rx-0/rps_cpus': '3\n',
  '/sys/class/net/eth0/statistics/rx_packets': '1000\n',
  '/sys/class/net/eth0/statistics/rx_dropped': '0\n',
  '/sys/kernel/mm/transparent_hugepage/enabled': 'always [madvise] never\n',
  '/sys/fs/cgroup/cgroup.controllers': 'cpu memory\n',
}

/** Faults of every kind that --apply changes something about. */
export const FAULTY: Readonly<Record<string, string>> = {
  ...GOOD,
  '/proc/net/softnet_stat': '000f4240 00000000 00010000\n000f4240 00000000 00000000\n',
  '/proc/sys/net/core/rmem_max': '212992\n',
  '/proc/sys/net/core/somaxconn': '128\n',
  '/proc/sys/net/core/netdev_max_backlog': '1000\n',
  '/proc/sys/net/ipv4/tcp_max_tw_buckets': '1000\n',
  '/proc/sys/net/ipv4/ip_local_port_range': '2500\t3500\n',
  '/proc/sys/net/netfilter/nf_conntrack_count': '65000\n',
  '/proc/sys/net/netfilter/nf_conntrack_max': '65536\n',
  '/proc/sys/net/netfilter/nf_conntrack_buckets': '4096\n',
  '/proc/sys/net/netfilter/nf_conntrack_udp_timeout': '30\n',
  '/proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream': '120\n',
  '/sys/module/nf_conntrack/parameters/hashsize': '4096\n',
  '/sys/class/net/eth0/queues/rx-0/rps_cpus': '00000000\n',
  '/sys/class/net/eth0/statistics/rx_packets': '46000000\n',
}

export function plant(root: string, files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(root, dirname(path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
}

/** Every file and folder below `root`, with its mode and its text. */
export function treeOf(root: string): Record<string, string> {
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()
  return Object.fromEntries(
    paths.map((path) => {
      const real = join(root, path)
      const { mode } = statSync(real)
      const text = statSync(real).isDirectory() ? 'folder' : readFileSync(real, 'latin1')
      return [path, `${mode.toString(8)} ${text}`]
    }),
  )
}
