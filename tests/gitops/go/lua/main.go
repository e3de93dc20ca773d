// Runs scripts as Argo CD does: the same interpreter, with no library but `table`, the basic functions and `package`.
// Argo CD adds time and random numbers, which ours do not use. Reads {"script": …, "object": …} as JSON, one a line,
// and answers each with what the script returned.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"

	lua "github.com/yuin/gopher-lua"
)

var libraries = []struct {
	name string
	open lua.LGFunction
}{
	{lua.LoadLibName, lua.OpenPackage},
	{lua.BaseLibName, lua.OpenBase},
	{lua.TabLibName, lua.OpenTable},
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		var asked struct {
			Script string
			Object any
		}
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			fail(err)
		}
		answer, err := run(asked.Script, asked.Object)
		if err != nil {
			fail(err)
		}
		line, err := json.Marshal(answer)
		if err != nil {
			fail(err)
		}
		fmt.Println(string(line))
	}
	if err := lines.Err(); err != nil {
		fail(err)
	}
}

func run(script string, object any) (any, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for _, library := range libraries {
		state.Push(state.NewFunction(library.open))
		state.Push(lua.LString(library.name))
		state.Call(1, 0)
	}
	state.SetGlobal("obj", toLua(state, object))
	if err := state.DoString(script); err != nil {
		return nil, err
	}
	return fromLua(state.Get(-1)), nil
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch known := value.(type) {
	case bool:
		return lua.LBool(known)
	case float64:
		return lua.LNumber(known)
	case string:
		return lua.LString(known)
	case []any:
		table := state.NewTable()
		for _, item := range known {
			table.Append(toLua(state, item))
		}
		return table
	case map[string]any:
		table := state.NewTable()
		for key, item := range known {
			table.RawSetString(key, toLua(state, item))
		}
		return table
	}
	return lua.LNil
}

// An empty table is an empty list, as Argo CD reads it.
func fromLua(value lua.LValue) any {
	switch known := value.(type) {
	case lua.LBool:
		return bool(known)
	case lua.LNumber:
		return float64(known)
	case lua.LString:
		return string(known)
	case *lua.LTable:
		list, object := []any{}, map[string]any{}
		known.ForEach(func(key, item lua.LValue) {
			if name, named := key.(lua.LString); named {
				object[string(name)] = fromLua(item)
			} else {
				list = append(list, fromLua(item))
			}
		})
		if len(object) > 0 {
			return object
		}
		return list
	}
	return nil
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
