-- As many items as the SQLite file has: `items` of them.
INSERT INTO items (name, kind, category_id)
SELECT 'item ' || number, 'goods', (SELECT min(id) FROM categories)
FROM generate_series(1, :items - (SELECT count(*) FROM items)) AS number;
ANALYZE;
