import { useEffect, useMemo, useState } from 'preact/hooks';
import { LiveExecution } from './live-execution.js';

/** The execution as it goes on; whoever uses it is rendered anew with each change that is told. */
export function useLiveExecution(id: string): LiveExecution {
  const [, setVersion] = useState(0);
  const execution = useMemo(() => new LiveExecution(id, () => setVersion((version) => version + 1)), [id]);
  useEffect(() => {
    void execution.open();
    return () => execution.close();
  }, [execution]);
  return execution;
}
