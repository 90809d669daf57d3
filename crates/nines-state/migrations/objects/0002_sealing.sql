-- A revision stays final, but for one step: text that was stored in clear may be sealed (docs/formats/secrets.md). What the
-- sealed text says is bound to the kind and the name by its seal.
DROP TRIGGER object_revisions_are_final;
CREATE TRIGGER object_revisions_are_final BEFORE UPDATE ON object_revisions
WHEN NOT (OLD.yaml IS NOT NULL AND OLD.yaml NOT LIKE 'sealed:%' AND NEW.yaml LIKE 'sealed:%'
          AND NEW.change = OLD.change AND NEW.kind = OLD.kind AND NEW.name = OLD.name
          AND NEW.revision = OLD.revision AND NEW.applied_at = OLD.applied_at AND NEW.applied_by = OLD.applied_by)
BEGIN SELECT RAISE(ABORT, 'an applied revision is final: apply another'); END;
