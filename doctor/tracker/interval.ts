// Which announce intervals the doctor takes for good, and why. Used by the checks and probes of UDP and HTTP.

/** newTrackon, the list of trackers that others are made from, takes none below five minutes or above three hours. */
export const INTERVAL_MIN = 300
export const INTERVAL_MAX = 10_800

export const INTERVAL_SOURCE = 'newTrackon, which lists trackers'
