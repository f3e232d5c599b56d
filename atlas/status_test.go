package atlas

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestStatusOfAFreshDatabase(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)

	status, err := New(db, Options{Migrations: twoFiles(t)}).Status(t.Context())

	require.NoError(t, err)
	assert.Empty(t, status.Current)
	assert.Equal(t, "20260101000000", status.Next)
	assert.Equal(t, []string{"20260101000000_one.sql", "20260102000000_two.sql"}, status.Pending)
	assert.True(t, status.Older())
	assert.False(t, status.Newer())
	assert.False(t, hasTable(t, db, historyTable), "status changes nothing")
}

func TestStatusOfAnOlderDatabase(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	_, err := New(db, Options{Migrations: migrations(t, map[string]string{
		"20260101000000_one.sql": "CREATE TABLE one (id int);\nCREATE INDEX one_id ON one (id);\n",
	})}).Apply(t.Context())
	require.NoError(t, err)

	status, err := New(db, Options{Migrations: twoFiles(t)}).Status(t.Context())

	require.NoError(t, err)
	assert.Equal(t, "20260101000000", status.Current)
	assert.Equal(t, "20260102000000", status.Next)
	assert.Equal(t, []string{"20260102000000_two.sql"}, status.Pending)
	require.Len(t, status.Applied, 1)
	assert.Equal(t, "one", status.Applied[0].Name)
	assert.WithinDuration(t, time.Now(), status.Applied[0].At, time.Minute)
	assert.Equal(t, "nof0", status.Applied[0].Operator)
}

func TestStatusOfANewerDatabase(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	_, err := New(db, Options{Migrations: migrations(t, map[string]string{
		"20260101000000_one.sql":            "CREATE TABLE one (id int);\nCREATE INDEX one_id ON one (id);\n",
		"20260102000000_two.sql":            "CREATE TABLE two (id int);\n",
		"20260103000000_three.sql":          "CREATE TABLE three (id int);\n",
		"20260104000000_contract_three.sql": "DROP TABLE two;\n",
	})}).Apply(t.Context())
	require.NoError(t, err)
	migrator := New(db, Options{Migrations: twoFiles(t)})

	status, err := migrator.Status(t.Context())

	require.NoError(t, err)
	assert.Equal(t, "20260104000000", status.Current)
	assert.Empty(t, status.Next)
	assert.False(t, status.Older())
	assert.True(t, status.Newer())
	require.Len(t, status.Unknown, 2)
	assert.Equal(t, "three", status.Unknown[0].Name)
	require.Len(t, status.Contractions(), 1)
	assert.Equal(t, "20260104000000", status.Contractions()[0].Version)

	t.Run("apply has nothing to do", func(t *testing.T) {
		report, err := migrator.Apply(t.Context())
		require.NoError(t, err)
		assert.Empty(t, report.Files)
	})
}

func TestStatusOfADatabaseThatANewerBinaryLeftHalfWay(t *testing.T) {
	t.Parallel()
	db := emptyDB(t)
	_, err := New(db, Options{Migrations: migrations(t, map[string]string{
		"20260101000000_one.sql":   "CREATE TABLE one (id int);\nCREATE INDEX one_id ON one (id);\n",
		"20260102000000_two.sql":   "CREATE TABLE two (id int);\n",
		"20260103000000_three.sql": noTransaction + failing,
	})}).Apply(t.Context())
	require.Error(t, err)
	migrator := New(db, Options{Migrations: twoFiles(t)})

	status, err := migrator.Status(t.Context())

	require.NoError(t, err)
	require.NotNil(t, status.Half)
	assert.Equal(t, "20260103000000", status.Half.Version)
	assert.True(t, status.Newer())
	_, err = migrator.Apply(t.Context())
	var stuck *HalfAppliedError
	require.ErrorAs(t, err, &stuck)
	assert.Equal(t, "20260103000000_three.sql", stuck.File)
}
