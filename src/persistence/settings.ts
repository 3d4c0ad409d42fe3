// The settings section [persistence], and its checks. Used by the trackers' configs. Owns nothing.
import { type ConfigOf, type Finding, problem, section } from '../config/schema.ts'
import { boolean, integer, refuseNul, string } from '../config/setting.ts'
import { type PrivilegeConfig, pathBelow } from '../process/privileges.ts'

const INTERVAL_MINUTES_MAX = 10_080

function persistenceSettings(texts: Record<'summary' | 'path' | 'interval' | 'takeOver', string>) {
  return section(texts.summary, {
    path: string(
      '',
      { allowed: "a folder, or ''", check: refuseNul },
      `${texts.path} A file that is damaged, or that a newer version has written, is not used, but
      renamed to end in .refused, and the start says so.

      The folder is made if it is missing. It serves one tracker at a time: another one that is to use
      it does not start. With [privileges] drop_privileges it
      must lie below chroot_path, and the user there must be allowed to write to it: an open folder
      outside would be a way out of the new root directory.`,
    ),
    interval_minutes: integer(10, { min: 0, max: INTERVAL_MINUTES_MAX }, texts.interval),
    take_over: boolean(false, texts.takeOver),
  })
}

/** Of aquatic_udp (swarm-state.ts). */
export const swarmPersistence = persistenceSettings({
  summary: 'What is kept over a restart, so that clients notice nothing of it.',
  path: `Keep the swarms and the key of the connection ids in this folder. '' keeps nothing: after a
      restart the tracker knows no peer until it announces again.

      At the stop, and every interval_minutes, the peers with their ages and the counts of completed
      downloads are written to aquatic_udp.snapshot while the tracker goes on serving; the start
      reads them back and leaves out who is too old by then. The key of the connection ids, in
      aquatic_udp.key, stays valid until the machine restarts. Both files can be read by the tracker's
      user only: who has the key can forge ids.`,
  interval: `Write the swarms this often (minutes) while the tracker runs. 0 = only at the stop.

      SIGUSR2 writes them at once, as before a copy is made. What has changed since the last time is lost
      when the process is killed or the machine fails. A million peers take about 10 MB and some tenths
      of a second, of which no client notices anything.`,
  takeOver: `Take the place of a tracker that runs and uses the same folder, as for an upgrade without a gap:
      it writes what it knows and goes on serving until this one serves, then it ends. Addresses,
      user and settings may differ, but to share a port both must have been started by the same user.

      When none runs, the start is an ordinary one. One that starts or ends itself is waited for, a minute at
      most. With false a folder in use stops the start.`,
})

/** Of aquatic_ws (count-state.ts). */
export const countPersistence = persistenceSettings({
  summary: 'What is kept over a restart: how often each torrent has been completed.',
  path: `Keep the counts of completed downloads in this folder. '' keeps nothing: after a restart they
      begin at 0. Peers are not kept: they belong to connections, which end with the process, and come
      back with their clients.

      At the stop, and every interval_minutes, the counts of all torrents that have peers are written to
      aquatic_ws.counts while the tracker goes on serving. The start reads them back. A count waits two
      hours for its torrent's first peer, longer than clients take to come back, and is told in
      scrapes meanwhile; then it is forgotten, as is that of a torrent whose last peer leaves. At most
      [limits] max_torrents counts wait, at about 75 bytes each.`,
  interval: `Write the counts this often (minutes) while the tracker runs. 0 = only at the stop.

      SIGUSR2 writes them at once, as before a copy is made. What has changed since the last time is lost
      when the process is killed or the machine fails. A million torrents take about 32 MB.`,
  takeOver: `Take the place of a tracker that runs and uses the same folder, as for an upgrade: it hands over
      its counts and goes on serving until this one serves. Then it takes no more connections, closes
      those it has, a thousand a second or as many as end within 20 seconds, and ends. Clients come back to
      this one by themselves. Settings may differ, but both must have been started by the same user.

      When none runs, the start is an ordinary one. One that starts or ends itself is waited for, a minute at
      most. With false a folder in use stops the start.`,
})

export type PersistenceConfig = ConfigOf<{ persistence: typeof swarmPersistence }>['persistence']

/** What is wrong with the section as a whole. */
export function persistenceFindings(
  { path }: PersistenceConfig,
  { drop_privileges, chroot_path }: PrivilegeConfig,
): Finding[] {
  if (path === '' || !drop_privileges || chroot_path === '') return []
  if (pathBelow(chroot_path, path) !== null) return []
  const text = `[persistence] path ('${path}') is not below [privileges] chroot_path ('${chroot_path}'),
    so it cannot be reached once the root directory has changed: write a folder below it.`
  return [problem(['persistence.path', 'privileges.chroot_path'], text)]
}
