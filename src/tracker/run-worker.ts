// What the worker threads of every tracker begin with. Called by the executables in each new thread: the cluster's thread is the
// same in all of them, and each has workers of its own.
import type { OpenSharing } from '../cluster/sharing.ts'
import { CLUSTER_ROLE, type ClusterWorkerData, runClusterWorker } from '../cluster/worker.ts'
import { useClock } from '../os/clock.ts'
import type { WorkerStart } from '../process/workers.ts'

/** `runOwn`: for a worker of a protocol. `openSharing`: for a protocol that shares its swarms in a way of its own. */
export function runTrackerWorker<T extends WorkerStart>(
  data: T | ClusterWorkerData,
  runOwn: (data: T) => void,
  openSharing: OpenSharing | null = null,
): void {
  useClock(data.clock)
  if (isCluster(data)) void runClusterWorker(data, openSharing)
  else runOwn(data)
}

function isCluster(data: WorkerStart): data is ClusterWorkerData {
  return data.role === CLUSTER_ROLE
}
