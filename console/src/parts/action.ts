import { useState } from 'preact/hooks';
import { messageOf } from '../api/fault.js';
import { notify } from './notices.tsx';

interface Action {
  readonly isBusy: boolean;
  /** Runs it unless it runs already, and tells what came of it: the text that it answers, or its fault. */
  run(act: () => Promise<string>): Promise<boolean>;
}

export function useAction(): Action {
  const [isBusy, setBusy] = useState(false);
  return {
    isBusy,
    async run(act) {
      if (isBusy) return false;
      setBusy(true);
      try {
        notify('done', await act());
        return true;
      } catch (error) {
        const message = messageOf(error);
        if (message !== undefined) notify('failed', message);
        return false;
      } finally {
        setBusy(false);
      }
    },
  };
}
