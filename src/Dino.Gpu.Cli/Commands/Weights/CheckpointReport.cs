using System.Globalization;
using Dino.Gpu.Checkpoints;
using Dino.Gpu.Cli.Terminal;
using Spectre.Console;

namespace Dino.Gpu.Cli.Commands;

/// <summary>Shows a checkpoint: its tensors on standard output, the rest on stderr.</summary>
internal sealed class CheckpointReport(CheckpointInfo info, CliConsole console)
{
    public void WriteJson() => console.WriteJson(CheckpointDescription.Of(info), CommandJson.SnakeCase.CheckpointDescription);

    /// <summary>Writes a table on a terminal, else one tensor per line, separated by tabs.</summary>
    public void Write()
    {
        if (console.OutputIsTerminal)
            WriteTable();
        else
            WriteLines();
        foreach (string line in info.Describe())
            console.Say(line);
        if (info.Problem is { } problem)
            console.TellError($"the checkpoint cannot be loaded: {problem}", hint: null);
    }

    private void WriteLines()
    {
        foreach (CheckpointTensor tensor in info.Tensors)
        {
            string name = TerminalText.Visible(tensor.Name);
            string line = string.Create(CultureInfo.InvariantCulture, $"{name}\t{tensor.DataType}\t{ShapeText(tensor)}\t{tensor.Bytes}");
            console.Text.WriteLine(line);
        }
    }

    private void WriteTable()
    {
        Table table = TableOutput.Create("tensor", "type", "shape").AddColumn(new TableColumn("bytes").RightAligned());
        foreach (CheckpointTensor tensor in info.Tensors)
            table.Add(tensor.Name, tensor.DataType, ShapeText(tensor), tensor.Bytes.ToString("N0", CultureInfo.InvariantCulture));
        console.Write(table);
    }

    private static string ShapeText(CheckpointTensor tensor) => $"({string.Join(", ", tensor.Shape)})";
}
