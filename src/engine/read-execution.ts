import type { ExecutionId } from '../model/ids.js';
import type { ExecutionSnapshot } from '../model/snapshot.js';
import type { HistoryStore } from '../store/history-store.js';
import type { StateStore } from '../store/state-store.js';

/**
 * Hot, then recorded, then hot again. An execution leaves the hot store only once the record has its revision: what is not hot is
 * therefore recorded as it was then or later. What is in neither had not been accepted at the first look, and may be by now.
 */
export async function readExecution(
  store: Pick<StateStore, 'read'>,
  history: Pick<HistoryStore, 'read'>,
  executionId: ExecutionId,
): Promise<ExecutionSnapshot | undefined> {
  const [hot] = await store.read([executionId]);
  if (hot) return hot;
  const [recorded] = await history.read([executionId]);
  if (recorded) return recorded;
  return (await store.read([executionId]))[0];
}
