// How trackers of others are started: their settings files and commands. Used by entries.ts.
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** All that an entry needs for a start. */
export interface StartPlan {
  /** As the report calls it. */
  readonly name: string
  readonly executable: string
  /** TOML of the user's, for trackers of the aquatic family; '' for none. */
  readonly settings: string
  readonly port: number
  readonly workers: number
  /** An empty folder of its own. */
  readonly folder: string
  /** One info hash per line: those that the generator announces. */
  readonly infoHashes: () => string | Uint8Array
  /** PEM files; null without TLS. */
  readonly certificate: { readonly certificate: string; readonly key: string } | null
}

export interface Command {
  readonly argv: string[]
  readonly env?: Record<string, string>
}

// It changes into `folder` as its root and reads the list from there, as an unprivileged user. One worker
// is its main loop, as by default.
export function opentrackerCommand({
  executable,
  port,
  folder,
  workers,
  infoHashes,
}: StartPlan): Command {
  writeFileSync(join(folder, 'white-list'), infoHashes())
  chmodSync(folder, 0o755)
  if (workers > 1) {
    const file = join(folder, 'opentracker.conf')
    const text = `listen.udp.workers ${workers}
listen.udp 127.0.0.1:${port}
access.whitelist white-list
tracker.rootdir ${folder}
tracker.user nobody
`
    writeFileSync(file, text)
    return { argv: [executable, '-f', file] }
  }
  const ports = ['-i', '127.0.0.1', '-p', String(port), '-P', String(port)]
  return { argv: [executable, ...ports, '-u', 'nobody', '-d', folder, '-w', 'white-list'] }
}

export const CHIHAYA_UDP_SECTION = `  udp:
    addr: "127.0.0.1:PORT"
    max_clock_skew: 10s
    private_key: "a key of the benchmark, as long as it has to be"
    enable_request_timing: false
`
export const CHIHAYA_HTTP_SECTION = `  http:
    addr: "127.0.0.1:PORT"
    read_timeout: 5s
    write_timeout: 5s
    enable_keepalive: true
    idle_timeout: 30s
    enable_request_timing: false
    announce_routes:
      - "/announce"
    scrape_routes:
      - "/scrape"
`

/** `section`: of the protocol. */
export function chihayaCommand({ executable, port, folder }: StartPlan, section: string): Command {
  const file = join(folder, 'chihaya.yaml')
  const text = `chihaya:
  announce_interval: 30m
  min_announce_interval: 15m
${section.replace('PORT', String(port))}    allow_ip_spoofing: false
    max_numwant: 100
    default_numwant: 50
    max_scrape_infohashes: 50
  storage:
    name: memory
    config:
      gc_interval: 3m
      peer_lifetime: 31m
      shard_count: 1024
      prometheus_reporting_interval: 1s
`
  writeFileSync(file, text)
  return { argv: [executable, '--config', file] }
}

export function torrustCommand({ executable, port, folder }: StartPlan, trackers: string): Command {
  const file = join(folder, 'tracker.toml')
  const text = `[metadata]
app = "torrust-tracker"
purpose = "configuration"
schema_version = "2.0.0"

[logging]
threshold = "error"

[core]
listed = false
private = false

[core.database]
path = "${join(folder, 'sqlite3.db')}"

[[${trackers}]]
bind_address = "127.0.0.1:${port}"
`
  writeFileSync(file, text)
  return { argv: [executable], env: { TORRUST_TRACKER_CONFIG_TOML_PATH: file } }
}
