// The settings section [persistence], and its checks. Used by the trackers' configs.
import { type ConfigOf, type Finding, problem, section, warning } from '../config/schema.ts'
import { boolean, integer, refuseNul, string } from '../config/setting.ts'
import { type PrivilegeConfig, pathBelow } from '../process/privileges.ts'

const INTERVAL_MINUTES_MAX = 10_080

function persistenceSettings(texts: Record<'summary' | 'path' | 'interval' | 'takeOver', string>) {
  return section(texts.summary, {
    path: string(
      '',
      { allowed: "a folder, or ''", check: refuseNul },
      `${texts.path} A file that is damaged, or from a newer version, is not used but renamed to end in
      .refused, and startup says so.

      The folder is created if it is missing. It serves one tracker at a time: a second one fails to
      start. With [privileges] drop_privileges it must lie below chroot_path, and the user must be able
      to write to it: an open folder outside would be a way out of the new root directory.`,
    ),
    interval_minutes: integer(10, { min: 0, max: INTERVAL_MINUTES_MAX }, texts.interval),
    take_over: boolean(false, texts.takeOver),
  })
}

/** For a tracker of peers by address (swarm-state.ts), whose files have its name. */
export function swarmPersistence(program: 'aquatic_udp' | 'aquatic_http') {
  const isUdp = program === 'aquatic_udp'
  const what = isUdp ? 'the swarms and the key of the connection ids' : 'the swarms'
  const key = isUdp
    ? `The key of the connection ids, in ${program}.key, stays valid until the machine restarts. Only the
      tracker's user can read the files: whoever has the key can forge ids.`
    : `Only the tracker's user can read the files. ${program}.key matters to UDP alone, should aquatic take
      the files over.`
  return persistenceSettings({
    summary: 'What survives a restart, so that clients do not notice it.',
    path: `Keep ${what} in this folder. '' keeps nothing: after a
      restart the tracker knows no peer until it announces again.

      On stop, and every interval_minutes, peers with their ages and counts of completed downloads are
      written to ${program}.snapshot while the tracker keeps serving. Startup reads them back, except
      peers that are too old by then. ${key}`,
    interval: `Write the swarms this often (minutes) while the tracker runs. 0 = only on stop.

      SIGUSR2 writes them at once, such as before a backup. If the process is killed or the machine
      fails, changes since the last time are lost. A million peers take about 10 MB and some tenths of a
      second, which clients do not notice.`,
    takeOver: `Take over from a running tracker that uses the same folder, for an upgrade without a gap: it writes
      what it knows, serves until this one does, and then ends. Addresses, user and settings may differ,
      but to share a port both must have been started by the same user.

      If none runs, this is an ordinary start. If one is starting or ending, this one waits for at most a
      minute. With false, startup fails if the folder is in use.`,
  })
}

/** For aquatic_ws (count-state.ts). */
export const countPersistence = persistenceSettings({
  summary: 'What survives a restart: counts of completed downloads.',
  path: `Keep the counts of completed downloads in this folder. '' keeps nothing: after a restart they
      begin at 0. Peers are not kept: they belong to connections, which end with the process and return
      with their clients.

      On stop, and every interval_minutes, the counts of all torrents with peers are written to
      aquatic_ws.counts while the tracker keeps serving. Startup reads them back. A count waits two hours
      for its torrent's first peer, longer than clients take to return, and appears in scrapes meanwhile;
      then it is forgotten, as when a torrent's last peer leaves. At most [limits] max_torrents counts
      wait, at about 75 bytes each.`,
  interval: `Write the counts this often (minutes) while the tracker runs. 0 = only on stop.

      SIGUSR2 writes them at once, such as before a backup. If the process is killed or the machine
      fails, changes since the last time are lost. A million torrents take about 32 MB.`,
  takeOver: `Take over from a running tracker that uses the same folder, for an upgrade: it hands over its counts
      and serves until this one does. Then it accepts no more connections, closes those it has, a thousand
      per second or as many as it takes to finish within 20 seconds, and ends. Clients reconnect to this
      one by themselves. Settings may differ, but both must have been started by the same user.

      If none runs, this is an ordinary start. If one is starting or ending, this one waits for at most a
      minute. With false, startup fails if the folder is in use.`,
})

/** For a tracker with several protocols, which names its files after the program. */
export function combinedPersistence(program: string) {
  return persistenceSettings({
    summary: 'What survives a restart, so that clients notice as little of it as possible.',
    path: `Keep the swarms of UDP and HTTP and the key of the connection ids in this folder, and of WebTorrent,
      whose peers belong to connections and return with their clients, the counts of completed downloads. ''
      keeps nothing: after a restart the tracker knows no peer until it announces again.

      On stop, and every interval_minutes, peers with their ages and counts are written to
      ${program}.snapshot, and WebTorrent's counts to ${program}.counts, while the tracker keeps serving.
      Startup reads them back, except peers that are too old by then; a count waits two hours for its
      torrent's first peer. The key, in ${program}.key, stays valid until the machine restarts. Only the
      tracker's user can read the files: whoever has the key can forge ids. The file of protocols that
      are not enabled stays as it is.`,
    interval: `Write all of it this often (minutes) while the tracker runs. 0 = only on stop.

      SIGUSR2 writes it at once, such as before a backup. If the process is killed or the machine
      fails, changes since the last time are lost. A million peers take about 10 MB and some tenths of a
      second, which clients do not notice; a million counts take about 32 MB.`,
    takeOver: `Take over from a running tracker that uses the same folder, for an upgrade without a gap: it writes
      what it knows, serves until this one does, and then ends. WebSocket connections cannot move: it
      closes them, a thousand per second or as many as it takes to finish within 20 seconds, and clients
      reconnect to this one by themselves. Settings may differ, but to share a port both must have been
      started by the same user.

      If none runs, this is an ordinary start. If one is starting or ending, this one waits for at most a
      minute. With false, startup fails if the folder is in use.`,
  })
}

export type PersistenceConfig = ConfigOf<{
  persistence: ReturnType<typeof persistenceSettings>
}>['persistence']

/** What is wrong with the section as a whole. */
export function persistenceFindings(
  { path, take_over }: PersistenceConfig,
  { drop_privileges, chroot_path }: PrivilegeConfig,
): Finding[] {
  if (path === '' && take_over) {
    const text = `[persistence] take_over has no effect without path: name the folder there by which the two processes
      find each other.`
    return [warning(['persistence.take_over', 'persistence.path'], text)]
  }
  if (path === '' || !drop_privileges || chroot_path === '') return []
  if (pathBelow(chroot_path, path) !== null) return []
  const text = `[persistence] path ('${path}') is not below [privileges] chroot_path ('${chroot_path}'),
    so it cannot be reached once the root directory has changed: write a folder below it.`
  return [problem(['persistence.path', 'privileges.chroot_path'], text)]
}
