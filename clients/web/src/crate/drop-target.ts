/** Makes an element take sounds that are dragged from the list. */

import { useState, type DragEvent } from "react";
import { DRAG_TYPE, dragged } from "./dragging";
import type { SearchHit } from "./types";

export interface DropTarget {
  readonly isOver: boolean;
  readonly handlers: {
    onDragOver(event: DragEvent): void;
    onDragLeave(): void;
    onDrop(event: DragEvent): void;
  };
}

/** Return the state and the handlers of a target; `onSounds` takes what was dropped. */
export function useDropTarget(onSounds: (hits: SearchHit[]) => void): DropTarget {
  const [isOver, setIsOver] = useState(false);
  return {
    isOver,
    handlers: {
      onDragOver(event) {
        if (!event.dataTransfer.types.includes(DRAG_TYPE)) return;
        event.preventDefault();
        event.dataTransfer.dropEffect = "copy";
        setIsOver(true);
      },
      onDragLeave: () => setIsOver(false),
      onDrop(event) {
        setIsOver(false);
        const sounds = dragged.get();
        if (!sounds) return;
        event.preventDefault();
        event.stopPropagation();
        void sounds.items().then(onSounds);
      },
    },
  };
}
