// Notes: a tree of elements, never markup from text.
import { Link } from "wouter";
import { type Block, blocks, type Inline } from "../../lib/markdown";
import styles from "./Dashboards.module.css";

export function Markdown({ text }: { text: string }) {
  return (
    <div className={styles.note}>
      {blocks(text).map((block, index) => (
        <Shown key={index} block={block} />
      ))}
    </div>
  );
}

function Shown({ block }: { block: Block }) {
  switch (block.kind) {
    case "heading":
      return block.level < 3 ? (
        <h4 data-level={block.level}>
          <Parts parts={block.parts} />
        </h4>
      ) : (
        <h5>
          <Parts parts={block.parts} />
        </h5>
      );
    case "code":
      return <pre>{block.text}</pre>;
    case "list": {
      const items = block.items.map((parts, index) => (
        <li key={index}>
          <Parts parts={parts} />
        </li>
      ));
      return block.ordered ? <ol>{items}</ol> : <ul>{items}</ul>;
    }
    default:
      return (
        <p>
          <Parts parts={block.parts} />
        </p>
      );
  }
}

function Parts({ parts }: { parts: readonly Inline[] }) {
  return parts.map((part, index) => {
    switch (part.kind) {
      case "bold":
        return <strong key={index}>{part.text}</strong>;
      case "italic":
        return <em key={index}>{part.text}</em>;
      case "code":
        return <code key={index}>{part.text}</code>;
      case "link":
        return part.to.startsWith("/") ? (
          <Link key={index} href={part.to}>
            {part.text}
          </Link>
        ) : (
          <a key={index} href={part.to} rel="noreferrer" target="_blank">
            {part.text}
          </a>
        );
      default:
        return part.text;
    }
  });
}
